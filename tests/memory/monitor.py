"""Monitor's ports in memory: the same promises as over PostgreSQL (one suite runs over both), for tests of use cases."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from statistics import quantiles
from uuid import UUID

from functions.kernel import ApplicationAccess
from functions.monitor.domain.applications import PLATFORM, Application
from functions.monitor.domain.functions import FunctionTally
from functions.monitor.domain.logs import CLOSE_AFTER, LogFilter, LogLine, StoredLine
from functions.monitor.domain.markers import Marker
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.domain.timeline import Execution
from functions.monitor.domain.usage import MeasuredUse

NEVER_OVERDUE = datetime.max.replace(tzinfo=UTC)


class MemoryApplications:
    def __init__(self, markers: "MemoryMarkers | None" = None) -> None:
        self._markers = markers
        self.applications: dict[UUID, Application] = {PLATFORM.id: PLATFORM}
        self.environment_changes: dict[tuple[UUID, str], tuple[datetime, bool]] = {}
        self.transferred_at: dict[UUID, datetime] = {}

    async def get(self, access: ApplicationAccess) -> Application:
        application = await self.find(access.application_id)
        if application is None:
            raise ApplicationNotFound
        return application

    async def find(self, application_id: UUID) -> Application | None:
        return self.applications.get(application_id)

    async def of_teams(self, team_ids: Collection[UUID]) -> Sequence[Application]:
        return [known for known in self.applications.values() if known.user_id in team_ids]

    async def find_many(self, application_ids: Collection[UUID]) -> Mapping[UUID, Application]:
        return {key: self.applications[key] for key in application_ids if key in self.applications}

    async def lock(self, application_ids: Collection[UUID]) -> None:
        """One loop, no transactions: nothing moves meanwhile."""

    async def lock_known(self, application_ids: Collection[UUID]) -> Mapping[UUID, Application]:
        return await self.find_many(application_ids)

    async def keep(self, applications: Collection[Application]) -> None:
        for application in applications:
            known = self.applications.get(application.id)
            if known is None:
                self.applications[application.id] = application
            else:
                deleted_at, created_at = known.deleted_at or application.deleted_at, known.created_at or application.created_at
                self.applications[application.id] = replace(known, deleted_at=deleted_at, created_at=created_at)

    async def transfer(self, application: Application, at: datetime) -> None:
        if application.id in self.transferred_at and self.transferred_at[application.id] > at:
            return
        known = self.applications.get(application.id, application)
        self.applications[application.id] = replace(known, user_id=application.user_id, name=known.name or application.name)
        self.transferred_at[application.id] = at

    async def rename(self, application: Application) -> None:
        known = self.applications.get(application.id, application)
        self.applications[application.id] = replace(known, name=application.name)

    async def record_environment(self, application_id: UUID, name: str, *, is_deleted: bool, at: datetime) -> None:
        known = self.environment_changes.get((application_id, name))
        if known is None or known[0] <= at:
            self.environment_changes[application_id, name] = (at, is_deleted)

    async def deleted_environments(self, application_id: UUID) -> Collection[str]:
        return [name for (known, name), (_, is_deleted) in self.environment_changes.items() if known == application_id and is_deleted]

    async def environments(self, application_id: UUID) -> Collection[str]:
        deployed_to = (
            {marker.environment for marker in self._markers.markers.values() if marker.application_id == application_id} if self._markers else set()
        )
        return {name for known, name in self.environment_changes if known == application_id} | deployed_to

    async def forget_deleted(self, before: datetime) -> int:
        old = [key for key, known in self.applications.items() if known.deleted_at is not None and known.deleted_at < before]
        for key in old:
            del self.applications[key]
        self.environment_changes = {key: each for key, each in self.environment_changes.items() if key[0] not in old}
        return len(old)


class MemoryUnownedUsage:
    def __init__(self) -> None:
        self.uses: list[MeasuredUse] = []

    async def add(self, uses: Sequence[MeasuredUse]) -> None:
        self.uses.extend(uses)

    async def release(self, application_ids: Collection[UUID]) -> Sequence[MeasuredUse]:
        released = [use for use in self.uses if use.application_id in application_ids]
        self.uses = [use for use in self.uses if use.application_id not in application_ids]
        return sorted(released, key=lambda use: use.begin)

    async def forget(self, before: datetime) -> int:
        kept = [use for use in self.uses if use.begin >= before]
        gone = len(self.uses) - len(kept)
        self.uses = kept
        return gone


class MemoryLogs:
    def __init__(self) -> None:
        self.lines: list[tuple[int, LogLine]] = []
        self.hot = 0
        self._positions = count(1)

    async def add(self, lines: Sequence[LogLine]) -> bool:
        self.lines.extend((next(self._positions), line) for line in lines)
        self.hot += len(lines)
        return self.hot >= CLOSE_AFTER > self.hot - len(lines)

    async def close(self) -> bool:
        self.hot = 0
        return False

    async def last(self, selected: LogFilter, limit: int) -> Sequence[StoredLine]:
        return self._read(selected)[-limit:]

    async def following(self, selected: LogFilter, position: int, limit: int) -> Sequence[StoredLine]:
        return [line for line in self._read(selected) if line.position > position][:limit]

    def _read(self, selected: LogFilter) -> list[StoredLine]:
        return [
            StoredLine(
                position,
                kept.at,
                kept.workload.environment,
                kept.workload.deployment_id,
                kept.workload.component,
                kept.pod,
                kept.container,
                kept.stream,
                kept.line,
                kept.service,
                kept.workload.process,
            )
            for position, kept in self.lines
            if selected.matches(kept)
        ]


class MemoryMarkers:
    def __init__(self) -> None:
        self.markers: dict[tuple[UUID, str], Marker] = {}

    async def add(self, marker: Marker) -> None:
        self.markers.setdefault((marker.deployment_id, marker.kind), marker)

    async def between(self, application_id: UUID, environment: str | None, begin: datetime, end: datetime) -> Sequence[Marker]:
        found = [
            marker
            for marker in self.markers.values()
            if marker.application_id == application_id and environment in (None, marker.environment) and begin <= marker.at < end
        ]
        return sorted(found, key=lambda marker: marker.at)

    async def forget(self, before: datetime) -> int:
        old = [key for key, marker in self.markers.items() if marker.at < before]
        for key in old:
            del self.markers[key]
        return len(old)


class MemoryExecutions:
    def __init__(self) -> None:
        self.executions: list[Execution] = []

    async def add(self, executions: Sequence[Execution]) -> None:
        self.executions.extend(executions)

    async def of(self, correlation: str, limit: int) -> Sequence[Execution]:
        found = [execution for execution in self.executions if execution.correlation == correlation]
        return sorted(found, key=lambda execution: execution.at)[:limit]

    async def by_function(self, since: datetime, until: datetime) -> Sequence[FunctionTally]:
        found: dict[tuple[str, str, str], list[Execution]] = defaultdict(list)
        for done in self.executions:
            if since <= done.at < until and done.kind != "request":
                found[done.name, done.context, done.kind].append(done)
        return [_counted(key, found[key]) for key in sorted(found)]


def _counted(key: tuple[str, str, str], done: Sequence[Execution]) -> FunctionTally:
    times = [execution.duration_ms for execution in done]
    hundredths = quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
    outcomes = Counter(execution.outcome for execution in done)
    cold = sum(execution.cold for execution in done)
    failed = outcomes["failed"] + outcomes["dead"]
    return FunctionTally(*key, len(done), failed, outcomes["retried"], outcomes["rejected"], cold, hundredths[49], hundredths[94], hundredths[98])


class MemoryRetention:
    """Keeps which chunks were made and dropped, instead of tables that are cut by time."""

    def __init__(self) -> None:
        self.room: list[tuple[datetime, datetime]] = []
        self.dropped: dict[str, datetime] = {}

    async def create_partitions(self, since: datetime, until: datetime) -> None:
        self.room.append((since, until))

    async def drop(self, series: str, before: datetime) -> int:
        self.dropped[series] = before
        return 0


@dataclass
class MemoryCollection:
    """Unless a test sets another time, reports are never overdue."""

    reported_at: datetime = NEVER_OVERDUE
    missing: datetime | None = None

    async def record_report(self, at: datetime) -> bool:
        was_missing, self.missing = self.missing is not None, None
        self.reported_at = max(self.reported_at, at)
        return was_missing

    async def mark_missing(self, before: datetime) -> datetime | None:
        if self.missing is not None or self.reported_at >= before:
            return None
        self.missing = self.reported_at
        return self.missing

    async def missing_since(self) -> datetime | None:
        return self.missing
