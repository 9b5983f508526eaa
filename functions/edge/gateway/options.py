"""What an operator may set on the gateway; every default works on one machine."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from functions.runtime.config.settings import Settings

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Options:
    body_limit: int = 1024 * 1024
    body_seconds: float = 30.0
    concurrency: int = 512  # requests under way in one gateway; beyond it callers are asked to come back
    anonymous_mutations: str = "600/minute"  # by client address; the notation of the `limits` library
    cors_origins: frozenset[str] = frozenset()  # "*" for any
    log_reads: bool = False  # a line for successful reads too; failed ones and changes always have one
    trusted_proxies: tuple[Network, ...] = ()  # whose X-Forwarded-For is believed
    service: str = "capsule-gateway"

    @classmethod
    def read(cls, settings: Settings) -> "Options":
        return cls(
            body_limit=int(settings.text("CAPSULE_GATEWAY_BODY_LIMIT", str(cls.body_limit))),
            concurrency=int(settings.text("CAPSULE_GATEWAY_CONCURRENCY", str(cls.concurrency))),
            anonymous_mutations=settings.text("CAPSULE_GATEWAY_ANONYMOUS_LIMIT", cls.anonymous_mutations),
            cors_origins=frozenset(_listed(settings.text("CAPSULE_CORS_ORIGINS", ","))),
            log_reads=settings.text("CAPSULE_GATEWAY_LOG_READS", "no") == "yes",
            trusted_proxies=tuple(ip_network(text, strict=False) for text in _listed(settings.text("CAPSULE_TRUSTED_PROXIES", ","))),
        )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
