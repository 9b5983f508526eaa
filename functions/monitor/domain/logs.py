"""Log lines, as they are ingested and as they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.deployments import BuildFailed
from functions.monitor.domain.labels import Workload
from functions.monitor.domain.sanitizing import bounded
from functions.monitor.domain.search import NONE, Condition, Terms


@dataclass(frozen=True, slots=True)
class LogLine:
    at: datetime
    workload: Workload
    pod: str
    container: str
    stream: str
    line: str
    service: str = ""


@dataclass(frozen=True, slots=True)
class StoredLine:
    """`position` is where a reader goes on: lines of later commits have higher ones."""

    position: int
    at: datetime
    environment: str
    deployment_id: UUID | None
    component: str
    pod: str
    container: str
    stream: str
    line: str
    service: str = ""
    process: str = ""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What a reader wants of an application's lines; None: everything. `since` is in, `until` is not."""

    application_id: UUID
    environment: str | None = None
    deployment_id: UUID | None = None
    component: str | None = None
    service: str | None = None
    terms: Terms = NONE
    fields: tuple[Condition, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    process: str | None = None

    def matches(self, kept: LogLine) -> bool:
        return (
            kept.workload.application_id == self.application_id
            and self.environment in (None, kept.workload.environment)
            and self.deployment_id in (None, kept.workload.deployment_id)
            and self.component in (None, kept.workload.component)
            and self.service in (None, kept.service)
            and self.process in (None, kept.workload.process)
            and (self.since is None or kept.at >= self.since)
            and (self.until is None or kept.at < self.until)
            and self.terms.match(kept.line)
            and all(condition.match(kept.line) for condition in self.fields)
        )


def end_of_build(event: BuildFailed) -> LogLine:
    """Return the last line of a failed build, in the form of the builder's own (`knative/builder/outcome.py`). It is of no pod."""
    workload = Workload(event.application_id, event.environment, event.deployment_id, "build", "build")
    detail = " ".join(event.detail.split())
    return LogLine(event.at, workload, "", "", "stdout", bounded(f"==> Failed ({event.reason}): {detail}"))


CLOSE_AFTER = 20_000
"""Lines. A search reads every line that is not closed."""

MAX_PAGE_BYTES = 4 << 20
"""Of the lines of one page. A message of the broker holds 16 MiB."""


def first_within(lines: Sequence[StoredLine], max_bytes: int = MAX_PAGE_BYTES) -> Sequence[StoredLine]:
    """Return the first lines that fit into a page, at least one."""
    return lines[: _fitting(lines, max_bytes)]


def last_within(lines: Sequence[StoredLine], max_bytes: int = MAX_PAGE_BYTES) -> Sequence[StoredLine]:
    """Return the last lines that fit into a page, at least one."""
    return lines[len(lines) - _fitting(lines[::-1], max_bytes) :]


def _fitting(lines: Sequence[StoredLine], max_bytes: int) -> int:
    total = 0
    for number, line in enumerate(lines):
        total += len(line.line.encode())
        if total > max_bytes:
            return max(number, 1)
    return len(lines)
