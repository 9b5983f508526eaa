"""Applications and quotas: created, listed, shown, deleted, and nobody else's."""

from uuid import uuid4

import pytest

from events.auth import QuotaRequested
from events.deploy import ApplicationCreated, QuotaGranted
from functions.deploy.domain.application import Quota
from functions.deploy.domain.rejections import ApplicationNameTaken, ApplicationNotFound, ApplicationQuotaExceeded, RepositoryNotAllowed
from functions.deploy.handlers.on_quota_requested import on_quota_requested
from functions.deploy.ports import ClusterUnavailable
from functions.deploy.queries.application import ShowApplication, application
from functions.deploy.queries.applications import ApplicationPage, ListApplications, applications
from functions.deploy.queries.quota import ShowQuota, quota
from tests.deploy.world import OWNER, REPOSITORY, STRANGER, World


async def listed(world: World, **asked: object) -> ApplicationPage:
    return await applications(ListApplications.model_validate(asked), world.applications, OWNER)


async def test_a_new_user_gets_the_default_quota(world: World) -> None:
    done = await on_quota_requested(QuotaRequested(user_id=OWNER.user_id, at=world.clock.now()), world.quotas, world.clock)
    (granted,) = done.events
    assert isinstance(granted, QuotaGranted)
    shown = await quota(ShowQuota(), world.quotas, OWNER, world.clock)
    assert (shown.applications.limit, shown.applications.used, shown.memory_mib.limit) == (granted.applications, 0, granted.memory_mib)


async def test_a_quota_that_is_wanted_again_is_told_as_it_is_and_stays(world: World) -> None:
    await world.quotas.set(Quota(OWNER.user_id, 25, 16_384, world.clock.now()))
    wanted = QuotaRequested(user_id=OWNER.user_id, at=world.clock.now())
    for _ in range(2):
        (granted,) = (await on_quota_requested(wanted, world.quotas, world.clock)).events
        assert isinstance(granted, QuotaGranted)
        assert (granted.applications, granted.memory_mib) == (25, 16_384)
    assert (await quota(ShowQuota(), world.quotas, OWNER, world.clock)).applications.limit == 25


async def test_a_created_application_is_told_listed_and_counted(world: World) -> None:
    made = await world.create("hello")
    (fact,) = world.facts
    assert fact == ApplicationCreated(application_id=made.id, user_id=OWNER.user_id, name="hello", at=world.clock.now())
    assert [(each.id, each.name, each.repository) for each in (await listed(world)).items] == [(made.id, "hello", REPOSITORY)]
    assert (await quota(ShowQuota(), world.quotas, OWNER, world.clock)).applications.used == 1


async def test_names_are_unique_over_all_users(world: World) -> None:
    await world.create("hello")
    with pytest.raises(ApplicationNameTaken):
        await world.create("hello", caller=STRANGER)


async def test_the_quota_ends_it_before_anything_is_kept(world: World) -> None:
    await world.quotas.grant(Quota(OWNER.user_id, 1, 512, world.clock.now()))
    await world.create("one")
    with pytest.raises(ApplicationQuotaExceeded):
        await world.create("two")
    assert [each.name for each in (await listed(world)).items] == ["one"]


async def test_a_repository_inside_is_refused(world: World) -> None:
    with pytest.raises(RepositoryNotAllowed):
        await world.create("hello", "http://169.254.169.254/x")
    assert not world.facts


async def test_pages_go_from_the_newest_on_without_gap_or_repetition(world: World) -> None:
    await world.quotas.grant(Quota(OWNER.user_id, 10, 512, world.clock.now()))
    made = [(await world.create(f"app-{n}")).id for n in range(7)]
    await world.create("not-mine", caller=STRANGER)
    seen, cursor = [], None
    for _ in range(3):
        page = await listed(world, limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [each.id for each in page.items]
        cursor = page.next
    assert seen == made[::-1]
    assert cursor is None


async def test_another_s_application_is_not_there(world: World) -> None:
    made = await world.create()
    for caller, id in ((STRANGER, made.id), (OWNER, uuid4())):
        with pytest.raises(ApplicationNotFound):
            await application(ShowApplication(application_id=id), world.applications, world.environments, world.deployments, caller)
    with pytest.raises(ApplicationNotFound):
        await world.delete(made.id, caller=STRANGER)
    with pytest.raises(ApplicationNotFound):
        await world.deploy(made.id, caller=STRANGER)


async def test_what_serves_and_what_came_last_are_shown_for_each_environment(world: World) -> None:
    first = await world.serving(await world.built(await world.building()))
    world.clock.forward(minutes=1)
    failing = await world.deploy(first.application_id)
    await world.settle()
    await world.build_ends(await world.deployments.get(failing.id), {"reason": "build-failed", "detail": "no"}, code=1)
    shown = await application(ShowApplication(application_id=first.application_id), world.applications, world.environments, world.deployments, OWNER)
    (staging,) = shown.environments
    assert (staging.name, staging.release, staging.url, staging.commit) == ("staging", 1, first.url, first.commit)
    assert (staging.latest_deployment.id, staging.latest_deployment.status, staging.latest_deployment.reason) == (
        failing.id,
        "failed",
        "build-failed",
    )


async def test_a_deleted_application_leaves_the_cluster_then_its_name_is_free(world: World) -> None:
    deployment = await world.serving(await world.built(await world.building()))
    await world.delete(deployment.application_id)
    assert not (await listed(world)).items
    with pytest.raises(ApplicationNameTaken):
        await world.create("hello", caller=STRANGER)
    await world.settle()
    assert not world.cluster.objects
    await world.create("hello", caller=STRANGER)
    assert (await quota(ShowQuota(), world.quotas, OWNER, world.clock)).applications.used == 0


async def test_deleting_waits_for_a_cluster_that_is_away(world: World) -> None:
    deployment = await world.building()
    await world.delete(deployment.application_id)
    world.cluster.away = True
    with pytest.raises(ClusterUnavailable):
        await world.settle()
    with pytest.raises(ApplicationNameTaken):
        await world.create("hello")


async def test_a_late_deletion_does_not_touch_the_name_s_next_owner(world: World) -> None:
    old = await world.building()
    await world.delete(old.application_id)
    (deleted,) = [fact for fact in world.facts if fact.type == "application.deleted"]
    await world.settle()
    new = await world.create("hello", caller=STRANGER)
    await world.deploy(new.id, caller=STRANGER)
    await world.settle()
    await world.deliver(deleted)
    assert ("Namespace", "", "app-hello") in world.cluster.objects


async def test_a_deleted_application_s_deployment_ends(world: World) -> None:
    deployment = await world.building()
    await world.delete(deployment.application_id)
    await world.settle()
    ended = await world.deployments.get(deployment.id)
    assert (ended.status, ended.reason) == ("failed", "application-deleted")
