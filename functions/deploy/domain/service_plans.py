"""Kinds of data services, their plans, and where applications reach them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from functions.deploy.domain.data_service_rejections import DataServicesUnavailable


class ServiceKind(StrEnum):
    POSTGRES = "postgres"
    REDIS = "redis"
    EXTERNAL = "external"
    """A server elsewhere, known by its URL. Capsule neither creates nor deletes it."""


DEFAULT_VARIABLES = {ServiceKind.POSTGRES: "DATABASE_URL", ServiceKind.REDIS: "REDIS_URL", ServiceKind.EXTERNAL: "DATABASE_URL"}
"""The name under which a service is bound unless another is chosen."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one service may use. Limits that its user cannot raise: connections, storage, memory."""

    name: str
    max_connections: int
    storage_mib: int
    statement_timeout_seconds: int | None = None
    """PostgreSQL: the default of each session, which the application may change for itself."""
    memory_mib: int | None = None
    """Redis: of its data. When it is full, keys with a time to live are evicted; without any, writes are refused.

    PostgreSQL: of all processes of a dedicated server.
    """
    cpu_millis: int | None = None
    """PostgreSQL: of a dedicated server, in thousandths of a core. None: the plan has none, and databases share a server."""

    @property
    def storage_bytes(self) -> int:
        return self.storage_mib << 20

    @property
    def is_dedicated(self) -> bool:
        """Whether a database has a server for itself, which no other one slows down."""
        return self.cpu_millis is not None


SMALL = Plan("small", max_connections=20, storage_mib=1024, statement_timeout_seconds=300)
MEDIUM = Plan("medium", max_connections=60, storage_mib=10240, memory_mib=1024, cpu_millis=1000)
LARGE = Plan("large", max_connections=120, storage_mib=51200, memory_mib=4096, cpu_millis=2000)
SMALL_REDIS = Plan("small", max_connections=50, storage_mib=512, memory_mib=64)
STANDARD_REDIS = Plan("standard", max_connections=200, storage_mib=2048, memory_mib=256)
PLANS: Mapping[ServiceKind, Mapping[str, Plan]] = {
    ServiceKind.POSTGRES: {each.name: each for each in (SMALL, MEDIUM, LARGE)},
    ServiceKind.REDIS: {SMALL_REDIS.name: SMALL_REDIS, STANDARD_REDIS.name: STANDARD_REDIS},
    ServiceKind.EXTERNAL: {},
}


class ServerPlace(StrEnum):
    """Which server has the data of a service."""

    SHARED = "shared"
    """One that all databases of small plans share."""
    MACHINE = "machine"
    """One for this service, which the one-machine Knative runs."""
    CLUSTER = "cluster"
    """One for this service, which a cluster runs."""


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """Where applications reach the servers of a kind, as host:port; empty: this installation has none."""

    text: str = ""

    def __post_init__(self) -> None:
        if self.text and not re.fullmatch(r"[A-Za-z0-9.-]+:[0-9]{1,5}", self.text):
            raise ValueError(f"{self.text!r} is not valid. Use host:port, as in postgres.data.svc:5432")


@dataclass(frozen=True, slots=True)
class ServiceAddresses:
    """What this installation can create, and where.

    `of`: where applications reach servers of a kind. `dedicated`: databases with a server for themselves on one machine, as the platform reaches
    them. `on_cluster`: kinds of which the cluster runs a server for each service.
    """

    of: Mapping[ServiceKind, ServiceAddress] = field(default_factory=dict)
    dedicated: ServiceAddress = ServiceAddress()
    on_cluster: frozenset[ServiceKind] = frozenset()

    def place_of(self, kind: ServiceKind, plan: Plan) -> ServerPlace:
        """Where the server of a service that Capsule creates is."""
        if kind is ServiceKind.POSTGRES and not plan.is_dedicated:
            return ServerPlace.SHARED
        return ServerPlace.CLUSTER if kind in self.on_cluster else ServerPlace.MACHINE

    def require(self, kind: ServiceKind, plan: str) -> None:
        """Raises DataServicesUnavailable. `plan`: may not exist."""
        found = PLANS[kind].get(plan)
        if found is not None and self.place_of(kind, found) is ServerPlace.CLUSTER:
            return
        if not self.of.get(kind, ServiceAddress()).text:
            raise DataServicesUnavailable.of(kind)
        if found is not None and found.is_dedicated and not self.dedicated.text:
            raise DataServicesUnavailable.of_plan(plan, [each.name for each in PLANS[kind].values() if not each.is_dedicated])
