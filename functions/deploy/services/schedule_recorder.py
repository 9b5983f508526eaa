"""Record the runs of schedules when their Jobs change: the cluster starts them, so a row comes with the first event about a Job."""

from datetime import datetime
from uuid import UUID

from events.workloads import ScheduledRunFailed, ScheduledRunMissed, ScheduledRunSucceeded
from functions.deploy.domain.names import application_of
from functions.deploy.domain.run import Run, RunOutcome, RunStatus
from functions.deploy.domain.schedule import JOB_NAME, MISSED_AFTER, Overlap, Schedule
from functions.deploy.ports import Applications, Cluster, Deployments, Environments, Releases, Runs, Schedules
from functions.kernel import Clock, Events, Work

BATCH_SIZE = 100


class ScheduleRecorder:
    def __init__(
        self,
        applications: Applications,
        environments: Environments,
        deployments: Deployments,
        releases: Releases,
        schedules: Schedules,
        runs: Runs,
        cluster: Cluster,
        clock: Clock,
    ) -> None:
        self._applications = applications
        self._environments = environments
        self._deployments = deployments
        self._releases = releases
        self._schedules = schedules
        self._runs = runs
        self._cluster = cluster
        self._clock = clock

    async def record(self, kind: str, namespace: str, name: str, work: Work) -> bool:
        """Return whether the object is the Job of a schedule. Its end is published once."""
        match, application = JOB_NAME.fullmatch(name), application_of(namespace)
        if kind != "Job" or match is None or application is None:
            return False
        async with work.reading():
            schedule = await self._schedules.find_by_cron_job(application, match[1])
        if schedule is None:
            return True
        outcome = await self._cluster.observe_run(namespace, name)

        async with work.recording() as record:
            schedule = await self._schedules.lock(schedule.id)
            if schedule is not None:
                record.emit(*await self._record(schedule, name, outcome))
        return True

    async def find_missed(self) -> Events:
        """Report runs that have not come, and expect the next ones. Call it in a writing transaction."""
        now, found = self._clock.now(), list[ScheduledRunMissed]()
        for schedule in await self._schedules.lock_overdue(now - MISSED_AFTER, BATCH_SIZE):
            expected_at = schedule.expected_at
            schedule.expect_after(now - MISSED_AFTER)
            await self._schedules.save(schedule)
            environment = await self._environments.find(schedule.application_id, schedule.environment)
            is_stopped = environment is not None and environment.runs_nothing
            is_left_out = schedule.overlap is Overlap.FORBID and await self._runs.lock_unfinished(schedule.id)
            if expected_at is None or is_stopped or is_left_out:
                continue
            found.append(ScheduledRunMissed(**await self._names(schedule), expected_at=expected_at, at=now))
        return tuple(found)

    async def _record(self, schedule: Schedule, job: str, outcome: RunOutcome | None) -> Events:
        now = self._clock.now()
        run = await self._runs.find_by_job(schedule.application_id, job)
        if run is None:
            run = await self._start(schedule, job, now)
            if run is None:
                return ()
            await self._runs.add(run)
            await self._schedules.save(schedule)
            if schedule.overlap is Overlap.REPLACE:
                await self._end_replaced(schedule.id, run)
        if outcome is None or run.finished_at is not None:
            return ()
        run.finish(outcome, now)
        await self._runs.save(run)
        fields = {**await self._names(schedule), "run_id": run.id, "at": now}
        if run.status is RunStatus.SUCCEEDED:
            return (ScheduledRunSucceeded(**fields),)
        return (ScheduledRunFailed(**fields, exit_code=run.exit_code, detail=run.detail or ""),)

    async def _start(self, schedule: Schedule, job: str, now: datetime) -> Run | None:
        application = await self._applications.get_any(schedule.application_id)
        environment = await self._environments.get(application, schedule.environment)
        serving = await self._deployments.find_serving(environment)
        if serving is None or serving.release_id is None:
            return None
        return schedule.start_run(await self._releases.get(serving.release_id), environment, job, now)

    async def _end_replaced(self, schedule_id: UUID, newest: Run) -> None:
        for each in await self._runs.lock_unfinished(schedule_id):
            if each.id != newest.id and each.scheduled_at is not None:
                each.finish(RunOutcome(None, "It was replaced by the next run."), self._clock.now())
                await self._runs.save(each)

    async def _names(self, schedule: Schedule) -> dict[str, object]:
        application = await self._applications.get_any(schedule.application_id)
        return {
            "schedule_id": schedule.id,
            "application_id": application.id,
            "user_id": application.user_id,
            "application": application.name,
            "environment": schedule.environment,
            "cron": schedule.cron,
        }
