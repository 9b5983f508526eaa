"""Settings of the gateway. Every default suits one machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar

from functions.edge.gateway.rates.limits import Limits, parse_plan_factors
from functions.runtime.config.settings import InvalidSetting, Settings

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Options:
    body_limit: int = 1024 * 1024
    """Bytes."""
    body_seconds: float = 30.0
    """Time for a body to arrive."""
    concurrency: int = 512
    """Requests in progress in one gateway. Beyond it, and for changes before it, requests get 503 with Retry-After (`admission`)."""
    caller_concurrency: int = 128
    """Of them, those of one user, or of one address without an access token. Beyond it, 429."""
    rate_limits: Limits = field(default_factory=lambda: Limits.parse(""))
    plan_factors: Mapping[str, int] = field(default_factory=dict)
    """By which plans multiply the limits of their users."""
    redis_url: str = ""
    """Where several gateways count together. Empty: each gateway counts by itself."""
    is_rate_limit_fail_open: bool = True
    """Whether requests are counted by each gateway while Redis is away. If not, they get 503."""
    context_concurrency: int = 192
    """Requests in progress at one context."""
    context_queue: int = 64
    """Requests that wait for a place at one context, at most `context_wait_seconds`."""
    context_wait_seconds: float = 2.0
    circuit_window_seconds: float = 30.0
    circuit_min_volume: int = 10
    """The circuit of a context opens when at least so many requests ended within the window, half of them without a good reply."""
    circuit_open_seconds: float = 5.0
    metrics: bool = True
    metrics_token: str = ""
    """The bearer token for `GET /metrics`. Empty: clients on the loopback interface need none, all others get 404."""
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
            body_limit=_number(settings, "CAPSULE_GATEWAY_BODY_LIMIT", cls.body_limit, int),
            concurrency=_number(settings, "CAPSULE_GATEWAY_CONCURRENCY", cls.concurrency, int),
            caller_concurrency=_number(settings, "CAPSULE_GATEWAY_CALLER_CONCURRENCY", cls.caller_concurrency, int),
            rate_limits=Limits.parse(settings.text("CAPSULE_GATEWAY_RATE_LIMITS", "")),
            plan_factors=parse_plan_factors(settings.text("CAPSULE_GATEWAY_PLAN_FACTORS", "")),
            redis_url=settings.text("CAPSULE_REDIS_URL", ""),
            is_rate_limit_fail_open=_choice(settings, "CAPSULE_GATEWAY_RATE_LIMIT_FAILURE", "open", "closed"),
            context_concurrency=_number(settings, "CAPSULE_GATEWAY_CONTEXT_CONCURRENCY", cls.context_concurrency, int),
            context_queue=_number(settings, "CAPSULE_GATEWAY_CONTEXT_QUEUE", cls.context_queue, int),
            circuit_window_seconds=_number(settings, "CAPSULE_GATEWAY_CIRCUIT_WINDOW_SECONDS", cls.circuit_window_seconds, float),
            circuit_min_volume=_number(settings, "CAPSULE_GATEWAY_CIRCUIT_MIN_VOLUME", cls.circuit_min_volume, int),
            circuit_open_seconds=_number(settings, "CAPSULE_GATEWAY_CIRCUIT_OPEN_SECONDS", cls.circuit_open_seconds, float),
            metrics=_choice(settings, "CAPSULE_METRICS", "on", "off"),
            metrics_token=settings.text("CAPSULE_METRICS_TOKEN", ""),
            cors_origins=frozenset(_split(settings.text("CAPSULE_CORS_ORIGINS", ","))),
            log_reads=settings.text("CAPSULE_GATEWAY_LOG_READS", "no") == "yes",
            trusted_proxies=tuple(ip_network(text, strict=False) for text in _split(settings.text("CAPSULE_TRUSTED_PROXIES", ","))),
        )


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


Number = TypeVar("Number", int, float)


def _number(settings: Settings, name: str, default: Number, type: Callable[[str], Number]) -> Number:
    """A positive number. Raises InvalidSetting."""
    text = settings.text(name, str(default))
    try:
        number = type(text)
    except ValueError:
        number = default - default
    if not number > 0:
        raise InvalidSetting(f"{name} is {text!r}: it must be a {'whole ' if type is int else ''}number above 0, such as {default}")
    return number


def _choice(settings: Settings, name: str, default: str, other: str) -> bool:
    """Whether the setting has its default. Raises InvalidSetting."""
    text = settings.text(name, default)
    if text not in (default, other):
        raise InvalidSetting(f"{name} is {text!r}: it must be {default} or {other}")
    return text == default
