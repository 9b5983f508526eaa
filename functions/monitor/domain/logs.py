"""Lines of applications, as they come in and as they are read."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.monitor.domain.labels import Workload


@dataclass(frozen=True, slots=True)
class LogLine:
    at: datetime
    workload: Workload
    pod: str
    container: str
    stream: str
    line: str


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


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What a reader wants of an application's lines; None: everything."""

    application_id: UUID
    environment: str | None = None
    deployment_id: UUID | None = None
    component: str | None = None
    search: str | None = None

    def matches(self, workload: Workload, line: str) -> bool:
        return (
            workload.application_id == self.application_id
            and self.environment in (None, workload.environment)
            and self.deployment_id in (None, workload.deployment_id)
            and self.component in (None, workload.component)
            and (self.search is None or self.search.lower() in line.lower())
        )
