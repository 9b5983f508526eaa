"""Show what a data service does now.

Counters begin when its server started, or when its statistics were reset. A Redis and a dedicated database server that nobody is
connected to are stopped, and have only a size.
"""

from uuid import UUID

from functions.deploy.domain.data_service_rejections import DataServiceNotFound, DataServiceNotReady
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.ports import Applications, DataServices, ServiceProvisioners
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, Work, query


class ShowDataServiceMetrics(Model):
    application_id: UUID
    service_id: UUID


class SlowStatementView(Model):
    text: str
    """A statement of PostgreSQL with placeholders for its values, or a command of Redis with its first arguments."""
    calls: int
    mean_milliseconds: float
    max_milliseconds: float


class DataServiceMetricsView(Model):
    id: UUID
    name: str
    kind: ServiceKind
    is_running: bool
    """Whether its server runs; the one that databases share always does."""
    storage_bytes: int
    storage_limit_bytes: int
    connections: int
    max_connections: int
    memory_bytes: int | None
    """Of the data of a Redis, or of all processes of a dedicated database server."""
    memory_limit_bytes: int | None
    hit_ratio: float | None
    """0 to 1: reads that PostgreSQL's cache answered, or that found a key in a Redis. Null before the first read."""
    operations: int | None
    """Committed transactions of a database; commands of a Redis."""
    failures: int | None
    """Transactions of a database that were rolled back; keys that a Redis has evicted because its memory was full."""
    slow_statements: list[SlowStatementView]
    """At most ten, the slowest first, since the server started. Empty for a database on the shared server."""


@query(
    http="GET /v1/apps/{application_id}/services/{service_id}/metrics",
    permission=Permission.APP_READ,
    rejects=[ApplicationNotFound, DataServiceNotFound, DataServiceNotReady],
)
async def data_service_metrics(
    request: ShowDataServiceMetrics,
    applications: Applications,
    services: DataServices,
    provisioners: ServiceProvisioners,
    control: AccessControl,
    permit: Permit,
    work: Work,
) -> DataServiceMetricsView:
    async with work.reading():
        application = await applications.get(await control.to_application(permit, request.application_id))
        service = await services.get(application.id, request.service_id)
    service.require_provisioned()
    provisioner = provisioners.of(service)
    found, slow = await provisioner.statistics(service.database), await provisioner.slow_statements(service.database)
    limits = service.limits
    return DataServiceMetricsView(
        id=service.id,
        name=service.name,
        kind=service.kind,
        is_running=found.is_running,
        storage_bytes=found.size_bytes,
        storage_limit_bytes=limits.storage_bytes,
        connections=found.connections,
        max_connections=limits.max_connections,
        memory_bytes=found.memory_bytes,
        memory_limit_bytes=limits.memory_mib << 20 if limits.memory_mib else None,
        hit_ratio=found.hit_ratio,
        operations=found.operations,
        failures=found.failures,
        slow_statements=[
            SlowStatementView(text=each.text, calls=each.calls, mean_milliseconds=round(each.mean_ms, 1), max_milliseconds=round(each.max_ms, 1))
            for each in slow
        ],
    )
