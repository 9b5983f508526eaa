"""Monitor's ports of measurements in memory: requests, resources and disks."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from functions.monitor.domain.disk import DiskUsage, newest
from functions.monitor.domain.metrics import Range
from functions.monitor.domain.requests import Health, Tally, Window
from functions.monitor.domain.resources import ResourceTally, ResourceWindow


class MemoryRequests:
    def __init__(self) -> None:
        self.windows: list[Window] = []

    async def add(self, windows: Sequence[Window]) -> None:
        self.windows.extend(windows)

    async def tallies(self, application_id: UUID, environment: str | None, over: Range) -> Sequence[Tally]:
        found: dict[tuple[datetime, str, int], list[Window]] = defaultdict(list)
        for window in self.windows:
            selected = window.application_id == application_id and environment in (None, window.environment)
            if selected and over.begin <= window.begin < over.steps()[-1] + over.step:
                step = over.begin + (window.begin - over.begin) // over.step * over.step
                found[step, window.environment, window.status // 100].append(window)
        return [
            Tally(*key, sum(window.requests for window in found[key]), sum(window.duration_ms for window in found[key]), _added(found[key]))
            for key in sorted(found)
        ]

    async def health(self, of: Sequence[tuple[UUID, str, datetime]]) -> Sequence[Health]:
        return [self._health(*each) for each in of]

    def _health(self, application_id: UUID, environment: str, since: datetime) -> Health:
        windows = [
            window
            for window in self.windows
            if (window.application_id, window.environment) == (application_id, environment) and window.begin >= since
        ]
        errors = sum(window.requests for window in windows if window.status >= 500)
        return Health(sum(window.requests for window in windows), errors, _added(windows))

    async def measured_until(self, application_id: UUID, environment: str | None) -> datetime | None:
        return _measured_until(self.windows, application_id, environment)


def _measured_until(windows: Sequence[Window | ResourceWindow], application_id: UUID, environment: str | None) -> datetime | None:
    found = [each for each in windows if each.application_id == application_id and environment in (None, each.environment)]
    return max(found, key=lambda each: each.begin).end if found else None


def _added(windows: Sequence[Window]) -> Mapping[int, int]:
    total: Counter[int] = Counter()
    for window in windows:
        total.update(window.buckets)
    return dict(sorted(total.items()))


class MemoryResources:
    def __init__(self) -> None:
        self.windows: list[ResourceWindow] = []

    async def add(self, windows: Sequence[ResourceWindow]) -> None:
        self.windows.extend(part for window in windows for part in window.by_minute())

    async def tallies(self, application_id: UUID, environment: str | None, over: Range) -> Sequence[ResourceTally]:
        found: dict[tuple[datetime, str], list[ResourceWindow]] = defaultdict(list)
        for window in self._within(application_id, over):
            if environment in (None, window.environment) and window.component == "run":
                step = over.begin + (window.begin - over.begin) // over.step * over.step
                found[step, window.environment].append(window)
        return [_tally(*key, found[key]) for key in sorted(found)]

    async def by_service(self, application_id: UUID, over: Range) -> Mapping[str, ResourceTally]:
        found: dict[str, list[ResourceWindow]] = defaultdict(list)
        for window in self._within(application_id, over):
            found[window.service].append(window)
        return {service: _tally(over.begin, "", windows) for service, windows in found.items()}

    async def measured_until(self, application_id: UUID, environment: str | None) -> datetime | None:
        return _measured_until(self.windows, application_id, environment)

    def _within(self, application_id: UUID, over: Range) -> list[ResourceWindow]:
        end = over.steps()[-1] + over.step
        return [window for window in self.windows if window.application_id == application_id and over.begin <= window.begin < end]


def _tally(at: datetime, environment: str, windows: Sequence[ResourceWindow]) -> ResourceTally:
    return ResourceTally(
        at,
        environment,
        sum(window.cpu_ms for window in windows),
        max(window.memory_max for window in windows),
        sum(window.memory_mean * window.seconds for window in windows),
        sum(window.seconds for window in windows),
    )


class MemoryDiskUsages:
    def __init__(self) -> None:
        self.usages: dict[UUID, DiskUsage] = {}

    async def keep(self, usages: Sequence[DiskUsage]) -> None:
        for usage in newest([*self.usages.values(), *usages]):
            self.usages[usage.application_id] = usage

    async def of(self, application_id: UUID) -> DiskUsage | None:
        return self.usages.get(application_id)


class MemoryRollups:
    """Nothing to sum up: the tallies of `MemoryRequests` and `MemoryResources` are computed when they are read."""

    async def roll(self, since: datetime) -> int:
        return 0
