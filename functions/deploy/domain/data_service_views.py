"""How the API shows a data service."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.configuration import Entry
from functions.deploy.domain.data_service import DataService, ServiceState
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.service_plans import PLANS, ServiceKind
from functions.kernel import Model


class ServiceBindingView(Model):
    environment: EnvironmentName
    variable: str
    """The name under which the environment's configuration has the URL."""
    bound_at: datetime


class DataServiceView(Model):
    id: UUID
    name: str
    kind: ServiceKind
    plan: str
    """Empty for an external service."""
    state: ServiceState
    error: str | None
    """Why it could not be created, or why its last change of plan or credentials failed, which can be repeated."""
    scaling_plan: str | None
    """The plan that it is moving to; null if it stays."""
    bindings: list[ServiceBindingView]
    max_connections: int | None
    """For all instances together; null for an external service."""
    storage_mib: int | None
    statement_timeout_seconds: int | None
    """Null for what is no PostgreSQL database."""
    memory_mib: int | None
    """Of the data of a Redis, or of a dedicated database server; null for others."""
    cpu_millis: int | None
    """Of a dedicated database server, in thousandths of a core; null for others."""
    requested_at: datetime
    ready_at: datetime | None
    rotated_at: datetime | None
    """When its credentials were rotated last."""
    storage_exceeded_at: datetime | None
    """Since when it accepts no writes: it has more data than its plan allows."""
    deleted_at: datetime | None
    purge_at: datetime | None
    """When its data are deleted for good. Until then it can be restored."""

    @classmethod
    def of(cls, service: DataService, entries: Iterable[Entry]) -> Self:
        """`entries`: of the newest configuration of its application."""
        limits = PLANS[service.kind].get(service.plan)
        return cls(
            id=service.id,
            name=service.name,
            kind=service.kind,
            plan=service.plan,
            state=service.state,
            error=service.error,
            scaling_plan=service.scaling_plan,
            bindings=[
                ServiceBindingView(environment=each.scope, variable=each.name, bound_at=each.created_at) for each in bindings_of(service, entries)
            ],
            max_connections=limits.max_connections if limits else None,
            storage_mib=limits.storage_mib if limits else None,
            statement_timeout_seconds=limits.statement_timeout_seconds if limits else None,
            memory_mib=limits.memory_mib if limits else None,
            cpu_millis=limits.cpu_millis if limits else None,
            requested_at=service.requested_at,
            ready_at=service.ready_at,
            rotated_at=service.rotated_at,
            storage_exceeded_at=service.storage_exceeded_at,
            deleted_at=service.deleted_at,
            purge_at=service.purge_at,
        )


def bindings_of(service: DataService, entries: Iterable[Entry]) -> Sequence[Entry]:
    """The entries that bind a service to environments, by environment."""
    return sorted((each for each in entries if each.service_id == service.id), key=lambda each: (each.scope, each.name))
