"""The environment variables that the gateway reads, beside those of every function."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import limits

from functions.runtime.config.variables import PLACE
from functions.wire.settings import Section, Setting, forms
from functions.wire.settings.forms import Form

Network = IPv4Network | IPv6Network


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(word, strict=False) for word in text.replace(",", " ").split())


def _rate(text: str) -> str:
    limits.parse(text)
    return text


BODY_LIMIT = Setting(
    "CAPSULE_GATEWAY_BODY_LIMIT",
    forms.whole_number(1024, 1 << 30, "bytes"),
    "The longest body of a request. Longer ones get 413.",
    default=str(1 << 20),
)
CONCURRENCY = Setting(
    "CAPSULE_GATEWAY_CONCURRENCY",
    forms.whole_number(1, 100_000, "requests"),
    "Requests in progress in one gateway. Beyond it, requests get 503 with Retry-After.",
    default="512",
)
ANONYMOUS_LIMIT = Setting(
    "CAPSULE_GATEWAY_ANONYMOUS_LIMIT",
    Form("a rate as in 600/minute or 10/second", _rate),
    "How many changes without an access token each client address may request. Beyond it, requests get 429.",
    default="600/minute",
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
    "Origins whose pages may call the API. `*` allows any origin.",
)
TRUSTED_PROXIES = Setting(
    "CAPSULE_TRUSTED_PROXIES",
    Form("addresses or networks in CIDR notation separated by commas or spaces", _networks),
    "Proxies whose X-Forwarded-For counts as the client's address.",
)

SECTIONS = (Section("Gateway", "gateway", PLACE, (BODY_LIMIT, CONCURRENCY, ANONYMOUS_LIMIT, LOG_READS, CORS_ORIGINS, TRUSTED_PROXIES)),)
