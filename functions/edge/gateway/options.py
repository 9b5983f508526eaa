"""Settings of the gateway. Every default suits one machine."""

from dataclasses import dataclass

from functions.edge.gateway import variables
from functions.edge.gateway.variables import Network
from functions.runtime.config.settings import Settings


@dataclass(frozen=True)
class Options:
    body_limit: int = 1024 * 1024
    """Bytes."""
    concurrency: int = 512
    """Requests in progress in one gateway. Beyond it, requests get 503 with Retry-After."""
    anonymous_mutations: str = "600/minute"
    """Rate of each client address, in the notation of the `limits` library."""
    cors_origins: frozenset[str] = frozenset()
    """`*` allows any origin."""
    log_reads: bool = False
    """Whether successful reads are logged too. Failures and changes always are."""
    trusted_proxies: tuple[Network, ...] = ()
    """Proxies whose X-Forwarded-For counts."""
    service: str = "capsule-gateway"

    @classmethod
    def read(cls, settings: Settings) -> "Options":
        return cls(
            body_limit=settings.value(variables.BODY_LIMIT),
            concurrency=settings.value(variables.CONCURRENCY),
            anonymous_mutations=settings.value(variables.ANONYMOUS_LIMIT),
            cors_origins=frozenset(settings.value(variables.CORS_ORIGINS)),
            log_reads=settings.value(variables.LOG_READS),
            trusted_proxies=settings.value(variables.TRUSTED_PROXIES),
        )
