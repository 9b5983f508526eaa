"""Contract of schedules, of their runs and of process types, run in memory and on PostgreSQL."""

from datetime import timedelta
from uuid import uuid4

import pytest

from functions.deploy.domain.names import STAGING
from functions.deploy.domain.processes import ProcessSize, ProcessSizes
from functions.deploy.domain.release import Release
from functions.deploy.domain.run import RunOutcome
from functions.deploy.domain.schedule import Overlap, Schedule
from functions.deploy.domain.workload_rejections import ScheduleNotFound
from tests.adapters.deploy_stores import BUILT, NOW, Stores, add_application, stores, url

__all__ = ["stores", "url"]


async def test_schedules_are_stored_found_and_deleted(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        environment = await stores.environments.get(application, STAGING)
        one, two = (Schedule.create(application, environment, "0 * * * *", "UTC", each, Overlap.FORBID, 60, NOW) for each in ("first", "second"))
        for each in (one, two):
            await stores.schedules.save(each)
        assert await stores.schedules.get(application.id, one.id) == one
        assert await stores.schedules.lock(two.id) == two
        assert list(await stores.schedules.list_all(application.id)) == [one, two]
        assert not await stores.schedules.list_all(application.id, "production")
        assert await stores.schedules.find_by_cron_job(application.name, two.cron_job) == two
        assert await stores.schedules.find_by_cron_job("other", two.cron_job) is None
        paused = one.change(NOW, is_paused=True)
        await stores.schedules.save(paused)
        overdue = await stores.schedules.lock_overdue(NOW + timedelta(days=1), 10)
        assert two in overdue and paused not in overdue
        assert not [each for each in await stores.schedules.lock_overdue(NOW, 10) if each.application_id == application.id]
        await stores.schedules.delete(one.id)
        with pytest.raises(ScheduleNotFound):
            await stores.schedules.get(application.id, one.id)
        with pytest.raises(ScheduleNotFound):
            await stores.schedules.get(uuid4(), two.id)
        await stores.schedules.delete_of_environment(application.id, STAGING)
        assert not await stores.schedules.list_all(application.id)


async def test_runs_of_a_schedule_are_found_by_their_job(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        environment = await stores.environments.get(application, STAGING)
        release = await stores.releases.add(Release(uuid4(), application.id, BUILT.image, BUILT.commit, "python", NOW))
        schedule = Schedule.create(application, environment, "0 * * * *", "UTC", "true", Overlap.FORBID, 60, NOW)
        runs = [schedule.start_run(release, environment, f"{schedule.cron_job}-{minute}", NOW) for minute in (29_000_000, 29_000_060)]
        for each in runs:
            await stores.runs.add(each)
        assert await stores.runs.find_by_job(application.id, runs[0].job) == runs[0]
        assert await stores.runs.find_by_job(uuid4(), runs[0].job) is None
        assert list(await stores.runs.lock_unfinished(schedule.id)) == runs
        runs[0].finish(RunOutcome(0), NOW)
        await stores.runs.save(runs[0])
        assert list(await stores.runs.lock_unfinished(schedule.id)) == runs[1:]
        assert list(await stores.runs.page_of_schedule(schedule.id, before=None, limit=5)) == runs[::-1]
        assert list(await stores.runs.page_of_schedule(schedule.id, before=runs[1].id, limit=5)) == runs[:1]
        assert await stores.runs.count_active(application.id, NOW) == 0, "runs at their time do not count against one-off commands"


async def test_process_types_are_stored_with_releases_and_environments(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        environment = await stores.environments.get(application, STAGING)
        environment.processes = ProcessSizes({"worker": ProcessSize(2, memory_mib=256, stop_seconds=60), "clock": ProcessSize()})
        await stores.environments.save(environment)
        assert await stores.environments.get(application, STAGING) == environment
        commands = {"worker": "celery -A shop worker"}
        release = await stores.releases.add(Release(uuid4(), application.id, BUILT.image, BUILT.commit, "python", NOW, processes=commands))
        assert (await stores.releases.get(release.id)).processes == commands
