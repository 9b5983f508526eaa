"""Contract of inspections, run in memory and on PostgreSQL."""

from datetime import timedelta
from uuid import uuid4

from functions.deploy.domain.application_settings import ApplicationSettings, Builder
from functions.deploy.domain.inspection import DetectedPlanView, Inspected, Inspection
from functions.deploy.domain.observation import BuildJobFailed
from functions.deploy.domain.repository import Repository
from functions.deploy.domain.repository_access import AccessToken
from functions.kernel import new_id
from tests.adapters.deploy_stores import NOW, Stores, stores, url
from tests.deploy.test_inspections import COMMIT, PLAN

__all__ = ["stores", "url"]

REPOSITORY = Repository.parse("https://git.example.com/ada/hello.git")
SETTINGS = ApplicationSettings(branch="main", directory="api", builder=Builder.NATIVE, start_command="run")


async def test_an_inspection_is_stored_with_its_outcome_and_its_token_goes(stores: Stores) -> None:
    token = AccessToken("https://git.example.com", "ada", "sealed", NOW)
    plan = DetectedPlanView.model_validate(PLAN)
    for outcome in (Inspected(COMMIT, plan), BuildJobFailed("not-recognized", "Nothing.", COMMIT)):
        inspection, _ = Inspection.request(REPOSITORY, SETTINGS, team_id=uuid4(), token=token, at=NOW)
        async with stores.transaction():
            await stores.inspections.add(inspection)
            assert await stores.inspections.find(inspection.id) == inspection
            locked = await stores.inspections.lock(inspection.id)
            assert locked is not None
            locked.finish(outcome, NOW + timedelta(seconds=5))
            await stores.inspections.save(locked)
            stored = await stores.inspections.find(inspection.id)
        assert stored == locked and stored.token is None and stored.commit == COMMIT
    async with stores.transaction():
        assert await stores.inspections.find(new_id()) is None


async def test_those_of_a_team_are_counted_and_old_ones_are_deleted(stores: Stores) -> None:
    team, other = uuid4(), uuid4()
    ages = [timedelta(seconds=10), timedelta(minutes=10), timedelta(minutes=59), timedelta(hours=2)]
    found = [Inspection.request(REPOSITORY, SETTINGS, team_id=team, token=None, at=NOW - age)[0] for age in ages]
    async with stores.transaction():
        for each in (*found, Inspection.request(REPOSITORY, SETTINGS, team_id=other, token=None, at=NOW)[0]):
            await stores.inspections.add(each)
        found[2].finish(BuildJobFailed("build-failed", "x"), NOW)
        await stores.inspections.save(found[2])
        assert await stores.inspections.count(team, NOW) == (1, 3)
        assert [each.id for each in await stores.inspections.list_overdue(NOW - timedelta(minutes=5), 10)] == [found[3].id, found[1].id]
        await stores.inspections.delete_before(NOW - timedelta(minutes=30))
        remaining = [await stores.inspections.find(each.id) for each in found]
    assert [each is not None for each in remaining] == [True, True, False, True], "one that runs is not deleted"
