"""What an application used, as it is billed: requests, and the CPU of its running instances. Builds are free."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.monitor import UsageMeasured
from functions.kernel import new_id
from functions.monitor.domain.requests import Window
from functions.monitor.domain.resources import ResourceWindow


@dataclass(frozen=True, slots=True)
class MeasuredUse:
    """What one environment used within a window. Its id is given once, and committed together with the message that it came from: a message that
    comes again is not counted again, and whoever gets the use twice knows it by its id."""

    id: UUID
    application_id: UUID
    environment: str
    begin: datetime
    end: datetime
    requests: int = 0
    cpu_milliseconds: int = 0

    def told(self, user_id: UUID) -> UsageMeasured:
        return UsageMeasured(
            usage_id=self.id,
            application_id=self.application_id,
            user_id=user_id,
            environment=self.environment,
            window_from=self.begin,
            window_to=self.end,
            requests=self.requests,
            cpu_milliseconds=self.cpu_milliseconds,
        )


def requested(windows: Iterable[Window]) -> list[MeasuredUse]:
    """All requests count, whatever their status and revision."""
    sums: dict[tuple[UUID, str, datetime, datetime], int] = defaultdict(int)
    for window in windows:
        sums[window.application_id, window.environment, window.begin, window.end] += window.requests
    return [MeasuredUse(new_id(), *key, requests=requests) for key, requests in sums.items() if requests]


def computed(windows: Iterable[ResourceWindow]) -> list[MeasuredUse]:
    """The CPU of running instances, one use for each environment."""
    found: dict[tuple[UUID, str], list[ResourceWindow]] = defaultdict(list)
    for window in windows:
        if window.component == "run":
            found[window.application_id, window.environment].append(window)
    uses = []
    for key, group in found.items():
        cpu = round(sum(window.cpu_ms for window in group))
        if cpu:
            begin, end = min(window.begin for window in group), max(window.end for window in group)
            uses.append(MeasuredUse(new_id(), *key, begin, end, cpu_milliseconds=cpu))
    return uses
