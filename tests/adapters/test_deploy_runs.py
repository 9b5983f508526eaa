"""Contract of one-off commands and of an application's settings, run in memory and on PostgreSQL."""

from datetime import timedelta
from uuid import uuid4

import pytest

from functions.deploy.domain.application_settings import ApplicationSettings
from functions.deploy.domain.attach_ticket import LIFETIME, AttachTicket
from functions.deploy.domain.names import STAGING, ApplicationName
from functions.deploy.domain.rejections import ApplicationNameTaken, RunNotFound, TicketNotFound
from functions.deploy.domain.release import Release
from functions.deploy.domain.run import Run, RunOutcome, RunStreams
from functions.kernel import Caller
from tests.adapters.deploy_stores import BUILT, NOW, Stores, add_application, stores, url

__all__ = ["stores", "url"]

LATER = NOW + timedelta(minutes=5)


async def test_every_setting_is_stored(stores: Stores) -> None:
    application = await add_application(stores)
    settings = ApplicationSettings.of(
        branch="main",
        directory="a b/c",
        builder="dockerfile",
        build_command="make",
        start_command="./serve",
        release_command="./migrate",
        health_path="/up",
    )
    application.change(repository="https://git.example.com/x.git", image=None, settings=settings)
    async with stores.transaction():
        await stores.applications.save(application)
        assert await stores.applications.get_any(application.id) == application
    application.change(repository=None, image="ghcr.io/ada/shop:1", settings=ApplicationSettings())
    async with stores.transaction():
        await stores.applications.save(application)
        assert await stores.applications.get_any(application.id) == application


async def test_a_renamed_application_needs_a_free_name(stores: Stores) -> None:
    application, other = await add_application(stores), await add_application(stores)
    application.rename(ApplicationName(other.name), NOW)
    with pytest.raises(ApplicationNameTaken):
        async with stores.transaction():
            await stores.applications.save(application)


async def test_runs_are_found_counted_finished_and_deleted(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        environment = await stores.environments.get(application, STAGING)
        release = await stores.releases.add(Release(uuid4(), application.id, BUILT.image, BUILT.commit, "python", NOW))
        (first, _), (second, _) = (Run.request(application, environment, release, "true", at) for at in (NOW, LATER))
        for each in (first, second):
            await stores.runs.add(each)
        assert await stores.runs.get(application.id, first.id) == first
        assert await stores.runs.find_active(application.name, second.job) == second
        assert await stores.runs.find_active("other", second.job) is None
        assert [await stores.runs.count_active(application.id, since) for since in (NOW, LATER, LATER + timedelta(1))] == [2, 1, 0]
        with pytest.raises(RunNotFound):
            await stores.runs.get(uuid4(), first.id)

    first.finish(RunOutcome(7), LATER)
    second.cancel(LATER)
    async with stores.transaction():
        for each in (first, second):
            await stores.runs.save(each)
            assert await stores.runs.lock(application.id, each.id) == each
            assert await stores.runs.find_active(application.name, each.job) is None
        assert await stores.runs.count_active(application.id, NOW) == 0
        await stores.runs.delete_before(LATER)
        with pytest.raises(RunNotFound):
            await stores.runs.get(application.id, first.id)
        assert await stores.runs.get(application.id, second.id) == second


async def test_attachable_runs_are_counted_for_an_account_and_attached_once(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        environment = await stores.environments.get(application, STAGING)
        release = await stores.releases.add(Release(uuid4(), application.id, BUILT.image, BUILT.commit, "python", NOW))
        runs = [Run.request(application, environment, release, "true", NOW, streams)[0] for streams in RunStreams]
        for each in runs:
            await stores.runs.add(each)
        assert await stores.runs.count_attachable(application.user_id, NOW) == 2
        assert await stores.runs.count_attachable(uuid4(), NOW) == 0
        newest_first = sorted(runs, key=lambda run: run.id, reverse=True)
        assert await stores.runs.page(application.id, before=None, limit=2) == newest_first[:2]
        assert await stores.runs.page(application.id, before=newest_first[1].id, limit=2) == newest_first[2:]

        assert {each.id for each in await stores.runs.lock_waiting(LATER, 10)} == {each.id for each in runs[1:]}
        assert await stores.runs.lock_waiting(NOW, 10) == []
        runs[2].attach(NOW)
        runs[2].attach(LATER)
        await stores.runs.save(runs[2])
        assert (await stores.runs.get(application.id, runs[2].id)).attached_at == NOW
        assert await stores.runs.lock_waiting(LATER, 10) == [runs[1]]

        caller = Caller(application.user_id, session_id=uuid4())
        ticket, text = AttachTicket.issue(runs[2], caller, NOW)
        late, _ = AttachTicket.issue(runs[2], caller, NOW)
        for each_ticket in (ticket, late):
            await stores.runs.add_ticket(each_ticket)
        assert text.encode() not in ticket.token_hash
        assert await stores.runs.redeem_ticket(ticket.token_hash, NOW) == ticket
        with pytest.raises(TicketNotFound):
            await stores.runs.redeem_ticket(ticket.token_hash, NOW)
        with pytest.raises(TicketNotFound):
            await stores.runs.redeem_ticket(late.token_hash, NOW + LIFETIME)
