"""Settings of the gateway. Every default suits one machine."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from functions.runtime.config.settings import Settings

Network = IPv4Network | IPv6Network


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
            body_limit=int(settings.text("CAPSULE_GATEWAY_BODY_LIMIT", str(cls.body_limit))),
            concurrency=int(settings.text("CAPSULE_GATEWAY_CONCURRENCY", str(cls.concurrency))),
            anonymous_mutations=settings.text("CAPSULE_GATEWAY_ANONYMOUS_LIMIT", cls.anonymous_mutations),
            cors_origins=frozenset(_split(settings.text("CAPSULE_CORS_ORIGINS", ","))),
            log_reads=settings.text("CAPSULE_GATEWAY_LOG_READS", "no") == "yes",
            trusted_proxies=tuple(ip_network(text, strict=False) for text in _split(settings.text("CAPSULE_TRUSTED_PROXIES", ","))),
        )


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
