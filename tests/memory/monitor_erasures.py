"""In-memory deletion of what monitor stores about deleted users."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from functions.monitor import ports
from tests.memory import monitor, monitor_alerts


class MemoryErasures:
    def __init__(self, applications: monitor.MemoryApplications, addresses: monitor_alerts.MemoryAddresses, stores: Iterable[Any]) -> None:
        self._applications = applications
        self._addresses = addresses
        self._stores = tuple(stores)

    async def add(self, user_id: UUID, at: datetime) -> None:
        self._addresses.deleted.setdefault(user_id, at)
        self._addresses.addresses.pop(user_id, None)

    async def list_between(self, since: datetime, until: datetime) -> Sequence[UUID]:
        return [user_id for user_id, at in self._addresses.deleted.items() if since <= at <= until]

    async def erase(self, application_id: UUID) -> None:
        for store in self._stores:
            for name, rows in vars(store).items():
                if isinstance(rows, list):
                    vars(store)[name] = [row for row in rows if _application_of(row) != application_id]
                elif isinstance(rows, dict):
                    vars(store)[name] = {key: row for key, row in rows.items() if application_id not in (key, _application_of(row))}
        known = self._applications.applications.get(application_id)
        if known is not None:
            self._applications.applications[application_id] = replace(known, name="", created_at=None)

    async def forget(self, before: datetime) -> int:
        expired = [user_id for user_id, at in self._addresses.deleted.items() if at < before]
        for user_id in expired:
            del self._addresses.deleted[user_id]
        return len(expired)


def _application_of(row: Any) -> UUID | None:
    """Rows of logs are pairs of position and line."""
    found: UUID | None = getattr(row[1] if isinstance(row, tuple) else row, "application_id", None)
    return found


def erasures(
    applications: ports.Applications,
    addresses: ports.Addresses,
    logs: ports.Logs,
    requests: ports.Requests,
    resources: ports.Resources,
    markers: ports.Markers,
    alerts: ports.Alerts,
    rules: ports.Rules,
    channels: ports.Channels,
    deliveries: ports.Deliveries,
    disks: ports.DiskUsages,
) -> MemoryErasures:
    assert isinstance(applications, monitor.MemoryApplications) and isinstance(addresses, monitor_alerts.MemoryAddresses)
    return MemoryErasures(applications, addresses, (logs, requests, resources, markers, alerts, rules, channels, deliveries, disks))
