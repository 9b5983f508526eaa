"""Disk usage of an application: the newest measurement."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """None: not measured."""

    application_id: UUID
    measured_at: datetime
    images: int
    image_bytes: int
    cache_bytes: int | None
    instance_bytes: Mapping[str, int] | None
    """By environment."""

    def instances(self, environment: str | None) -> int | None:
        """Bytes of one environment's running instances, or of all."""
        if self.instance_bytes is None:
            return None
        return sum(self.instance_bytes.values()) if environment is None else self.instance_bytes.get(environment, 0)


def newest(usages: Iterable[DiskUsage]) -> list[DiskUsage]:
    """The newest of each application, ordered by application id, so that concurrent writers lock rows in one order."""
    newest_by_application: dict[UUID, DiskUsage] = {}
    for usage in sorted(usages, key=lambda each: each.measured_at):
        newest_by_application[usage.application_id] = usage
    return sorted(newest_by_application.values(), key=lambda each: each.application_id)
