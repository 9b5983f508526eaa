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
    """Redis: of its data. When it is full, keys with a time to live are evicted; without any, writes are refused."""


SMALL = Plan("small", max_connections=20, storage_mib=1024, statement_timeout_seconds=300)
SMALL_REDIS = Plan("small", max_connections=50, storage_mib=512, memory_mib=64)
STANDARD_REDIS = Plan("standard", max_connections=200, storage_mib=2048, memory_mib=256)
PLANS: Mapping[ServiceKind, Mapping[str, Plan]] = {
    ServiceKind.POSTGRES: {SMALL.name: SMALL},
    ServiceKind.REDIS: {SMALL_REDIS.name: SMALL_REDIS, STANDARD_REDIS.name: STANDARD_REDIS},
    ServiceKind.EXTERNAL: {},
}


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """Where applications reach the servers of a kind, as host:port; empty: this installation has none."""

    text: str = ""

    def __post_init__(self) -> None:
        if self.text and not re.fullmatch(r"[A-Za-z0-9.-]+:[0-9]{1,5}", self.text):
            raise ValueError(f"{self.text!r} is not valid. Use host:port, as in postgres.data.svc:5432")


@dataclass(frozen=True, slots=True)
class ServiceAddresses:
    of: Mapping[ServiceKind, ServiceAddress] = field(default_factory=dict)

    def require(self, kind: ServiceKind) -> None:
        """Raises DataServicesUnavailable."""
        if not self.of.get(kind, ServiceAddress()).text:
            raise DataServicesUnavailable.of(kind)
