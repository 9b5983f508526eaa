"""Data services in memory, and a server of databases that has only names."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.data_service import OVERLAP, DataService, ServiceState
from functions.deploy.domain.data_service_rejections import DataServiceNameTaken, DataServiceNotFound
from functions.deploy.domain.rejections import TicketNotFound
from functions.deploy.domain.service_plans import Plan, ServiceKind
from functions.deploy.domain.service_tunnel import ServiceTunnel
from functions.deploy.domain.turns import offset_of_turn
from functions.deploy.ports import Applications, ServiceEndpoint, ServiceStatistics, ServiceUsage, SlowStatement


class MemoryDataServices:
    def __init__(self, applications: Applications | None = None) -> None:
        """`applications`: of the accounts that are counted."""
        self._applications = applications
        self.rows: dict[UUID, DataService] = {}

    async def add(self, service: DataService) -> None:
        if any(each.name == service.name for each in await self.list_of(service.application_id)):
            raise DataServiceNameTaken.of(service.name)
        self.rows[service.id] = deepcopy(service)

    async def get(self, application_id: UUID, service_id: UUID) -> DataService:
        found = self.rows.get(service_id)
        if found is None or found.application_id != application_id or found.state is ServiceState.PURGED:
            raise DataServiceNotFound.of(service_id)
        return deepcopy(found)

    async def find(self, service_id: UUID) -> DataService | None:
        return deepcopy(self.rows.get(service_id))

    async def lock(self, application_id: UUID, service_id: UUID) -> DataService:
        return await self.get(application_id, service_id)

    async def lock_any(self, service_id: UUID) -> DataService | None:
        return await self.find(service_id)

    async def save(self, service: DataService) -> None:
        self.rows[service.id] = deepcopy(service)

    async def list_of(self, application_id: UUID) -> Sequence[DataService]:
        found = [each for each in self.rows.values() if each.application_id == application_id and each.state is not ServiceState.PURGED]
        return deepcopy(sorted(found, key=lambda each: each.name))

    async def count_databases_of_account(self, user_id: UUID) -> int:
        assert self._applications is not None
        databases = [each for each in self.rows.values() if each.kind is ServiceKind.POSTGRES and each.state is not ServiceState.PURGED]
        found = [each for each in databases if not each.limits.is_dedicated]
        owners = [await self._applications.get_any(each.application_id) for each in found]
        return sum(each.user_id == user_id for each in owners)

    async def list_stored(self, limit: int, turn: int) -> Sequence[DataService]:
        found = [each for each in self.rows.values() if each.is_provisioned and each.state is ServiceState.READY]
        offset = offset_of_turn(len(found), limit, turn)
        return deepcopy(sorted(found, key=lambda each: each.id)[offset : offset + limit])

    async def list_due(self, before: datetime, limit: int) -> Sequence[DataService]:
        return deepcopy([each for each in self.rows.values() if _is_due(each, before)][:limit])


def _is_due(service: DataService, before: datetime) -> bool:
    match service.state:
        case ServiceState.PURGING:
            return True
        case ServiceState.DELETED:
            return service.purge_at is not None and service.purge_at < before
        case ServiceState.READY:
            return service.former_generation is not None and service.rotated_at is not None and service.rotated_at < before - OVERLAP
    return False


@dataclass
class MemoryServiceServer:
    """`failures`: raised by the next calls, one each."""

    scheme: str = "postgresql"
    port: int = 5432
    databases: dict[str, set[str]] = field(default_factory=dict)
    """Database → logins."""
    read_only: set[str] = field(default_factory=set)
    size_bytes: int = 0
    reclaimed: int = 0
    failures: list[Exception] = field(default_factory=list)

    def endpoint(self, database: str) -> ServiceEndpoint:
        return ServiceEndpoint("127.0.0.1", self.port)

    async def create(self, database: str, plan: Plan) -> None:
        self.fail()
        self.databases.setdefault(database, set())

    async def add_login(self, database: str, login: str, password: str, plan: Plan) -> str:
        self.fail()
        self.databases[database].add(login)
        return f"{self.scheme}://{login}:{password}@127.0.0.1:{self.port}/{database}"

    async def drop_login(self, database: str, login: str) -> None:
        self.fail()
        self.databases[database].discard(login)

    async def delete(self, database: str) -> None:
        self.fail()
        self.databases.pop(database, None)

    async def usage(self, database: str) -> ServiceUsage:
        return ServiceUsage(self.size_bytes if database in self.databases else 0, 0)

    async def statistics(self, database: str) -> ServiceStatistics:
        return ServiceStatistics(self.size_bytes if database in self.databases else 0, 0, operations=3, hit_ratio=0.5)

    async def slow_statements(self, database: str) -> list[SlowStatement]:
        return [SlowStatement("SELECT $1", 3, 1.5, 2.5)] if database in self.databases else []

    async def log(self, database: str) -> list[str]:
        return ["ready"] if database in self.databases and self.scheme == "redis" else []

    async def reclaim(self, database: str) -> None:
        self.reclaimed += 1

    async def set_writable(self, database: str, is_writable: bool) -> None:
        (self.read_only.discard if is_writable else self.read_only.add)(database)

    def fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


class MemoryServiceProvisioners:
    def __init__(self) -> None:
        self.postgres = MemoryServiceServer()
        self.dedicated = MemoryServiceServer()
        self.redis = MemoryServiceServer("redis", 6379)

    def of(self, service: DataService) -> MemoryServiceServer:
        if service.kind is ServiceKind.REDIS:
            return self.redis
        return self.dedicated if service.limits.is_dedicated else self.postgres


class MemoryServiceMover:
    def __init__(self, provisioners: MemoryServiceProvisioners) -> None:
        self._provisioners = provisioners
        self.failures_afterwards: list[Exception] = []
        """Raised by the next calls when the data have moved, one each."""

    async def move(self, service: DataService, plan: Plan, url: str) -> None:
        source, target = (self._provisioners.of(replace(service, plan=each.name)) for each in (service.limits, plan))
        target.fail()
        if source is not target and service.database in source.databases:
            target.databases[service.database] = source.databases.pop(service.database)
        if self.failures_afterwards:
            raise self.failures_afterwards.pop(0)


class MemoryServiceTunnels:
    def __init__(self) -> None:
        self.rows: dict[bytes, ServiceTunnel] = {}

    async def add(self, tunnel: ServiceTunnel) -> None:
        self.rows = {key: each for key, each in self.rows.items() if each.ends_at > tunnel.opened_at}
        self.rows[tunnel.token_hash] = tunnel

    async def find(self, token_hash: bytes, now: datetime) -> ServiceTunnel:
        tunnel = self.rows.get(token_hash)
        if tunnel is None or tunnel.ends_at <= now:
            raise TicketNotFound
        return tunnel
