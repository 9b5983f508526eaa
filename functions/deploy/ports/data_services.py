"""Ports of data services: their rows, and the servers that have their data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_plans import Plan
from functions.deploy.domain.service_tunnel import ServiceTunnel
from functions.kernel import Permanent, Transient


class ServiceServerUnavailable(Transient):
    """The server of the data services does not answer, or refuses for now."""


class ServiceServerRefused(Permanent):
    """The server of the data services refuses what is asked of it."""


@dataclass(frozen=True, slots=True)
class ServiceUsage:
    size_bytes: int
    connections: int


@dataclass(frozen=True, slots=True)
class SlowStatement:
    """A statement of PostgreSQL with placeholders for its values, or a command of Redis."""

    text: str
    calls: int
    mean_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class ServiceStatistics:
    """Counters since the start of the server or the last reset. None: unknown, as while a Redis is stopped."""

    size_bytes: int
    connections: int
    is_running: bool = True
    memory_bytes: int | None = None
    operations: int | None = None
    """Committed transactions; commands."""
    failures: int | None = None
    """Transactions that were rolled back; keys that were evicted."""
    hit_ratio: float | None = None
    """0 to 1; None before the first read."""


def hit_ratio(hits: int, misses: int) -> float | None:
    return round(hits / (hits + misses), 4) if hits + misses else None


@dataclass(frozen=True, slots=True)
class ServiceEndpoint:
    """Where the platform reaches a data service."""

    host: str
    port: int


class DataServices(Protocol):
    """Callers lock the application first."""

    async def add(self, service: DataService) -> None:
        """Raises DataServiceNameTaken: names of an application are unique until a service is purged."""
        ...

    async def get(self, application_id: UUID, service_id: UUID) -> DataService:
        """Raises DataServiceNotFound, also for a purged one and for one of another application."""
        ...

    async def find(self, service_id: UUID) -> DataService | None:
        """Read a service in any state, for what follows from an event."""
        ...

    async def lock(self, application_id: UUID, service_id: UUID) -> DataService:
        """`get`, with the row locked until the transaction ends."""
        ...

    async def lock_any(self, service_id: UUID) -> DataService | None:
        """`find`, with the row locked until the transaction ends."""
        ...

    async def save(self, service: DataService) -> None: ...

    async def list_of(self, application_id: UUID) -> Sequence[DataService]:
        """Services of an application by name, without purged ones."""
        ...

    async def count_databases_of_account(self, user_id: UUID) -> int:
        """How many PostgreSQL databases the account has on the shared server, deleted ones included until they are purged."""
        ...

    async def list_stored(self, limit: int, turn: int) -> Sequence[DataService]:
        """Databases that exist and are not deleted, for their measurement: `limit` at most, all of them in as many consecutive
        turns as that needs."""
        ...

    async def list_due(self, before: datetime, limit: int) -> Sequence[DataService]:
        """Services whose grace period has ended, whose purge was interrupted, or whose former credentials are overdue."""
        ...


class ServiceProvisioner(Protocol):
    """Creates and deletes databases or Redis services of applications. Every method is idempotent: it may be repeated after a crash at any point.

    `database`: names the database and the role that owns its content, or the Redis. All raise ServiceServerUnavailable and ServiceServerRefused.
    """

    def endpoint(self, database: str) -> ServiceEndpoint:
        """Return where its clients connect to. No network call."""
        ...

    async def create(self, database: str, plan: Plan) -> None:
        """Create a database to which no login may connect yet, with the limits of the plan."""
        ...

    async def add_login(self, database: str, login: str, password: str, plan: Plan) -> str:
        """Let a login connect and act as the owner. Returns the URL for applications."""
        ...

    async def drop_login(self, database: str, login: str) -> None:
        """End the login's sessions and delete it. What it has created stays."""
        ...

    async def delete(self, database: str) -> None:
        """Delete the database with its logins, and end their sessions."""
        ...

    async def usage(self, database: str) -> ServiceUsage:
        """Size and open connections; zeros if there is no such database."""
        ...

    async def statistics(self, database: str) -> ServiceStatistics:
        """What it does now; zeros if there is no such database."""
        ...

    async def slow_statements(self, database: str) -> list[SlowStatement]:
        """Those that took the longest, the slowest first; none while its server is stopped, and where it is shared."""
        ...

    async def log(self, database: str) -> list[str]:
        """The last lines of its own server; none where a server is shared."""
        ...

    async def reclaim(self, database: str) -> None:
        """Give the space of deleted data back, which a tenant may not do while its database is full."""
        ...

    async def set_writable(self, database: str, is_writable: bool) -> None:
        """Let the logins read and delete only, whatever they do, or lift that, and end the open sessions."""
        ...


class ServiceProvisioners(Protocol):
    def of(self, service: DataService) -> ServiceProvisioner:
        """Return that of a service that Capsule creates, by its kind and plan."""
        ...


class ServiceMover(Protocol):
    async def move(self, service: DataService, plan: Plan, url: str) -> None:
        """Move a service to the server and the limits of a plan, with the credentials of its URL, which stays. Idempotent.

        Before the move is complete the former place has all data, also after an error. Raises ServiceServerUnavailable and ServiceServerRefused.
        """
        ...


class ServiceTunnels(Protocol):
    """Tunnels to data services, found by the hash of their ticket."""

    async def add(self, tunnel: ServiceTunnel) -> None:
        """Store it, and delete those that have ended."""
        ...

    async def find(self, token_hash: bytes, now: datetime) -> ServiceTunnel:
        """Raises TicketNotFound, also after its end."""
        ...
