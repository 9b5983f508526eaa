"""Monitor's ports in memory: the same promises as over PostgreSQL (one suite runs over both), for tests of use cases."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from uuid import UUID

from functions.monitor.domain.applications import Application
from functions.monitor.domain.logs import LogFilter, LogLine, StoredLine
from functions.monitor.domain.requests import MeasuredUse, Range, Tally, Window
from functions.monitor.domain.timeline import Execution


class MemoryApplications:
    def __init__(self) -> None:
        self.applications: dict[UUID, Application] = {}

    async def get(self, application_id: UUID) -> Application | None:
        return self.applications.get(application_id)

    async def owners(self, application_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        return {key: self.applications[key].user_id for key in application_ids if key in self.applications}

    async def hold_still(self, application_ids: Collection[UUID]) -> None:
        """One loop, no transactions: nothing moves meanwhile."""

    async def keep(self, application: Application) -> None:
        known = self.applications.get(application.id)
        if known is None:
            self.applications[application.id] = application
        elif known.destroyed_at is None:
            self.applications[application.id] = replace(known, destroyed_at=application.destroyed_at)

    async def forget_destroyed(self, before: datetime) -> int:
        old = [key for key, known in self.applications.items() if known.destroyed_at is not None and known.destroyed_at < before]
        for key in old:
            del self.applications[key]
        return len(old)


class MemoryUnownedUsage:
    def __init__(self) -> None:
        self.uses: list[MeasuredUse] = []

    async def hold(self, uses: Sequence[MeasuredUse]) -> None:
        self.uses.extend(uses)

    async def release(self, application_id: UUID) -> Sequence[MeasuredUse]:
        released = [use for use in self.uses if use.application_id == application_id]
        self.uses = [use for use in self.uses if use.application_id != application_id]
        return sorted(released, key=lambda use: use.begin)

    async def forget(self, before: datetime) -> int:
        kept = [use for use in self.uses if use.begin >= before]
        gone = len(self.uses) - len(kept)
        self.uses = kept
        return gone


class MemoryLogs:
    def __init__(self) -> None:
        self.lines: list[tuple[int, LogLine]] = []
        self._positions = count(1)

    async def add(self, lines: Sequence[LogLine]) -> None:
        self.lines.extend((next(self._positions), line) for line in lines)

    async def last(self, wanted: LogFilter, limit: int) -> Sequence[StoredLine]:
        return self._read(wanted)[-limit:]

    async def following(self, wanted: LogFilter, position: int, limit: int) -> Sequence[StoredLine]:
        return [line for line in self._read(wanted) if line.position > position][:limit]

    def _read(self, wanted: LogFilter) -> list[StoredLine]:
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
            )
            for position, kept in self.lines
            if wanted.matches(kept.workload, kept.line)
        ]


class MemoryRequests:
    def __init__(self) -> None:
        self.windows: list[Window] = []

    async def add(self, windows: Sequence[Window]) -> None:
        self.windows.extend(windows)

    async def tallies(self, application_id: UUID, environment: str | None, over: Range) -> Sequence[Tally]:
        sums: dict[tuple[datetime, int], tuple[int, float]] = defaultdict(lambda: (0, 0.0))
        for window in self.windows:
            wanted = window.application_id == application_id and environment in (None, window.environment)
            if wanted and over.begin <= window.begin < over.end:
                step = over.begin + (window.begin - over.begin) // over.step * over.step
                requests, duration = sums[step, window.status // 100]
                sums[step, window.status // 100] = (requests + window.requests, duration + window.duration_ms)
        return [Tally(*key, *sums[key]) for key in sorted(sums)]


class MemoryExecutions:
    def __init__(self) -> None:
        self.executions: list[Execution] = []

    async def add(self, executions: Sequence[Execution]) -> None:
        self.executions.extend(executions)

    async def of(self, correlation: str, limit: int) -> Sequence[Execution]:
        found = [execution for execution in self.executions if execution.correlation == correlation]
        return sorted(found, key=lambda execution: execution.at)[:limit]
