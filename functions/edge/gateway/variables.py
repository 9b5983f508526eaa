"""The environment variables that the gateway reads, beside those of every function."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from functions.edge.gateway.rates.limits import Limits, parse_plan_factors
from functions.runtime.config.variables import PLACE
from functions.wire.settings import Section, Setting, forms
from functions.wire.settings.forms import Form

Network = IPv4Network | IPv6Network
LOCAL_REDIS = "local"
"""The value of CAPSULE_REDIS_URL with which `./taskw up` starts a Redis."""


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(word, strict=False) for word in text.replace(",", " ").split())


def _redis_url(text: str) -> str:
    parts = urlsplit(text)
    name, _, transport = parts.scheme.partition("+")
    is_socket = name in ("redis", "valkey") and transport == "unix" and bool(parts.path.strip("/"))
    is_server = name in ("redis", "rediss", "valkey", "valkeys") and not transport and bool(parts.hostname) and parts.port != 0
    if text not in ("", LOCAL_REDIS) and not is_socket and not is_server:
        raise ValueError("it needs a scheme and a host, or the path of a socket")
    return text


def _switch_or_none(text: str) -> bool | None:
    """None: unset, it depends on other settings."""
    return forms.switch().parse(text) if text else None


_SECONDS = forms.number("a number of seconds above 0 and up to 3600, as in 30", lambda seconds: 0 < seconds <= 3600)
_REQUESTS = forms.whole_number(1, 100_000, "requests")

BODY_LIMIT = Setting(
    "CAPSULE_GATEWAY_BODY_LIMIT",
    forms.whole_number(1024, 1 << 30, "bytes"),
    "The longest body of a request. Longer ones get 413.",
    default=str(1 << 20),
)
CONCURRENCY = Setting(
    "CAPSULE_GATEWAY_CONCURRENCY",
    _REQUESTS,
    "Requests in progress in one gateway. Beyond it, and for changes before it, requests get 503 with Retry-After, see [Overload](api.md#overload).",
    default="512",
)
CALLER_CONCURRENCY = Setting(
    "CAPSULE_GATEWAY_CALLER_CONCURRENCY",
    _REQUESTS,
    "Requests in progress of one user, or of one address without an access token. Beyond it, requests get 429.",
    default="128",
)
RATE_LIMITS = Setting(
    "CAPSULE_GATEWAY_RATE_LIMITS",
    Form("changes of rate limits as in credentials.address=30/minute, reads.user=100/second, or off", Limits.parse),
    "Rate limits of addresses, users and sessions that differ from the defaults. `off`: no rate limits.",
    default_note="see [Limits](api.md#limits)",
)
PLAN_FACTORS = Setting(
    "CAPSULE_GATEWAY_PLAN_FACTORS",
    Form("plans with whole numbers from 1 as in pro=2, business=10", parse_plan_factors),
    "By which plans multiply the rate limits of their users. A user who comes near a limit is looked up.",
)
REDIS_URL = Setting(
    "CAPSULE_REDIS_URL",
    Form("a URL as in redis://:password@host:6379/0, rediss://…, valkey://… or redis+unix:///path, or for `./taskw up` local", _redis_url),
    "A Redis or Valkey in which gateways and dashboards count together, and gateways cache responses. `local`: `up` starts one.",
    is_secret=True,
)
RATE_LIMIT_FAILURE = Setting(
    "CAPSULE_GATEWAY_RATE_LIMIT_FAILURE",
    forms.switch("open", "closed"),
    "While Redis is away: `open`, each gateway counts by itself; `closed`, requests get 503.",
    default="open",
)
CACHE = Setting(
    "CAPSULE_GATEWAY_CACHE",
    Form("on or off", _switch_or_none),
    "Whether responses are cached, see [Cached responses](api.md#cached-responses): in Redis with `CAPSULE_REDIS_URL`, else in each gateway.",
    default_note="`on` with `CAPSULE_REDIS_URL` or on one machine, else `off`",
)
CACHE_BYTES = Setting(
    "CAPSULE_GATEWAY_CACHE_BYTES",
    forms.whole_number(1 << 20, 1 << 30, "bytes"),
    "The memory of a gateway for cached responses, where they are not in Redis.",
    default=str(16 << 20),
)
CACHE_SETTLE_SECONDS = Setting(
    "CAPSULE_GATEWAY_CACHE_SETTLE_SECONDS",
    _SECONDS,
    "How long nothing is cached after an event or a command that purges responses: the time in which every context handles the event.",
    default="5",
)
CONTEXT_CONCURRENCY = Setting(
    "CAPSULE_GATEWAY_CONTEXT_CONCURRENCY",
    _REQUESTS,
    "Requests in progress at one context.",
    default="192",
)
CONTEXT_QUEUE = Setting(
    "CAPSULE_GATEWAY_CONTEXT_QUEUE",
    _REQUESTS,
    "Requests that wait up to 2 s for a place at one context. Beyond it, requests get 503.",
    default="64",
)
CIRCUIT_WINDOW_SECONDS = Setting(
    "CAPSULE_GATEWAY_CIRCUIT_WINDOW_SECONDS",
    _SECONDS,
    "The time over which failures of a context are counted.",
    default="30",
)
CIRCUIT_MIN_VOLUME = Setting(
    "CAPSULE_GATEWAY_CIRCUIT_MIN_VOLUME",
    _REQUESTS,
    "The circuit of a context opens when at least so many requests ended within the window, half of them without a good reply.",
    default="10",
)
CIRCUIT_OPEN_SECONDS = Setting(
    "CAPSULE_GATEWAY_CIRCUIT_OPEN_SECONDS",
    _SECONDS,
    "How long the circuit of a context is open at first. Each failure after it doubles the time, up to a minute.",
    default="5",
)
METRICS = Setting(
    "CAPSULE_METRICS",
    forms.switch(),
    "Whether the gateway serves `GET /metrics`, see [Metrics for Prometheus](operations.md#metrics-for-prometheus).",
    default="on",
)
METRICS_TOKEN = Setting(
    "CAPSULE_METRICS_TOKEN",
    forms.matching("at least 16 printable ASCII characters without spaces", r"|[!-~]{16,}"),
    "The bearer token for `GET /metrics`. Without it, clients on the loopback interface need none, and all others get 404.",
    is_secret=True,
)
LOG_READS = Setting(
    "CAPSULE_GATEWAY_LOG_READS",
    forms.switch("yes", "no"),
    "Whether successful reads are logged too. Failures and changes always are.",
    default="no",
)
CORS_ORIGINS = Setting(
    "CAPSULE_CORS_ORIGINS",
    forms.items("origins as in https://app.example.org separated by commas, or *"),
    "Origins that may call the API from a browser. `*` allows any origin.",
)
TRUSTED_PROXIES = Setting(
    "CAPSULE_TRUSTED_PROXIES",
    Form("addresses or networks in CIDR notation separated by commas or spaces", _networks),
    "Proxies that are trusted to name the client's address in X-Forwarded-For.",
)

SECTIONS = (
    Section(
        "Gateway",
        "gateway",
        PLACE,
        (
            *(BODY_LIMIT, CONCURRENCY, CALLER_CONCURRENCY, RATE_LIMITS, PLAN_FACTORS, REDIS_URL, RATE_LIMIT_FAILURE),
            *(CACHE, CACHE_BYTES, CACHE_SETTLE_SECONDS),
            *(CONTEXT_CONCURRENCY, CONTEXT_QUEUE, CIRCUIT_WINDOW_SECONDS, CIRCUIT_MIN_VOLUME, CIRCUIT_OPEN_SECONDS),
            *(METRICS, METRICS_TOKEN, LOG_READS, CORS_ORIGINS, TRUSTED_PROXIES),
        ),
    ),
)
