"""Billable usage of an application: requests, and CPU of its running instances. Builds are free."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.monitor import UsageMeasured
from functions.kernel import new_id
from functions.monitor.domain.applications import Application
from functions.monitor.domain.requests import Window
from functions.monitor.domain.resources import ResourceWindow


@dataclass(frozen=True, slots=True)
class MeasuredUse:
    """Usage of one environment within a window. The id is committed together with the message that reported the usage, so that a redelivered message
    is not counted twice and a receiver recognizes a duplicate."""

    id: UUID
    application_id: UUID
    environment: str
    begin: datetime
    end: datetime
    requests: int = 0
    cpu_milliseconds: int = 0

    def event(self, application: Application) -> UsageMeasured:
        """Usage of this application, as its owner's."""
        return UsageMeasured(
            usage_id=self.id,
            application_id=self.application_id,
            user_id=application.user_id,
            environment=self.environment,
            window_from=self.begin,
            window_to=self.end,
            requests=self.requests,
            cpu_milliseconds=self.cpu_milliseconds,
            application=application.name,
        )


def usage_of_requests(windows: Iterable[Window]) -> list[MeasuredUse]:
    """All requests count, of any status and revision."""
    sums: dict[tuple[UUID, str, datetime, datetime], int] = defaultdict(int)
    for window in windows:
        sums[window.application_id, window.environment, window.begin, window.end] += window.requests
    return [MeasuredUse(new_id(), *key, requests=requests) for key, requests in sums.items() if requests]


def usage_of_cpu(windows: Iterable[ResourceWindow]) -> list[MeasuredUse]:
    """CPU of running instances, one usage per environment."""
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
