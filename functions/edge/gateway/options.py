"""Settings of the gateway. Every default suits one machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from functions.edge.gateway import variables
from functions.edge.gateway.rates.limits import Limits
from functions.edge.gateway.variables import Network
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import DASHBOARD_URL, PUBLIC_URL
from functions.wire.strict_transport import strict_host


@dataclass(frozen=True)
class Options:
    body_limit: int = 1024 * 1024
    """Bytes."""
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
    is_cache_on: bool = False
    """Whether responses are cached: in Redis, or without a URL in this gateway."""
    cache_bytes: int = 16 * 1024 * 1024
    cache_settle_seconds: float = 5.0
    """How long nothing is cached after what purges responses."""
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
    strict_host: str | None = None
    """At this host, responses tell browsers to send no plain HTTP (`functions.wire.strict_transport`)."""
    dashboard_url: str = str(DASHBOARD_URL.default)
    """Where pages lead on."""
    service: str = "capsule-gateway"

    @classmethod
    def read(cls, settings: Settings) -> "Options":
        """Raises InvalidSetting."""
        redis_url = settings.value(variables.REDIS_URL)
        if redis_url == variables.LOCAL_REDIS:
            raise variables.REDIS_URL.invalid(redis_url)  # `up` replaces it by the URL of the server that it starts
        is_cache_on = settings.value(variables.CACHE)
        return cls(
            strict_host=strict_host(settings.value(PUBLIC_URL)),
            dashboard_url=settings.value(DASHBOARD_URL),
            body_limit=settings.value(variables.BODY_LIMIT),
            concurrency=settings.value(variables.CONCURRENCY),
            caller_concurrency=settings.value(variables.CALLER_CONCURRENCY),
            rate_limits=settings.value(variables.RATE_LIMITS),
            plan_factors=settings.value(variables.PLAN_FACTORS),
            redis_url=redis_url,
            is_rate_limit_fail_open=settings.value(variables.RATE_LIMIT_FAILURE),
            is_cache_on=bool(redis_url) if is_cache_on is None else is_cache_on,
            cache_bytes=settings.value(variables.CACHE_BYTES),
            cache_settle_seconds=float(settings.value(variables.CACHE_SETTLE_SECONDS)),
            context_concurrency=settings.value(variables.CONTEXT_CONCURRENCY),
            context_queue=settings.value(variables.CONTEXT_QUEUE),
            circuit_window_seconds=float(settings.value(variables.CIRCUIT_WINDOW_SECONDS)),
            circuit_min_volume=settings.value(variables.CIRCUIT_MIN_VOLUME),
            circuit_open_seconds=float(settings.value(variables.CIRCUIT_OPEN_SECONDS)),
            metrics=settings.value(variables.METRICS),
            metrics_token=settings.value(variables.METRICS_TOKEN),
            cors_origins=frozenset(settings.value(variables.CORS_ORIGINS)),
            log_reads=settings.value(variables.LOG_READS),
            trusted_proxies=settings.value(variables.TRUSTED_PROXIES),
        )
