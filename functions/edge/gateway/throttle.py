"""The limit of anonymous mutations for each client address, reported in RateLimit header fields.

Header fields: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/. Each gateway process counts by
itself, so several gateways together allow a multiple. That is enough against a loop that guesses passwords: accounts
lock in auth's database too. Signed-in callers are not counted; quotas limit them.
"""

import time
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from functions.edge.gateway.problems import TOO_MANY, Problem


class Throttle:
    def __init__(self, rate: str) -> None:
        self._item: RateLimitItem = parse(rate)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def count(self, address: str) -> Mapping[str, str]:
        """Count one request of the address. Returns the header fields of its response. Raises Problem 429."""
        client_key = _client_key(address)
        is_allowed = await self._limiter.hit(self._item, client_key)
        window = await self._limiter.get_window_stats(self._item, client_key)
        reset_seconds = max(1, round(window.reset_time - time.time()))
        fields = {
            "ratelimit-policy": f'"anonymous";q={self._item.amount};w={self._item.get_expiry()}',
            "ratelimit": f'"anonymous";r={max(window.remaining, 0)};t={reset_seconds}',
        }
        if not is_allowed:
            detail = f"This address sent more than {self._item.amount} requests without an access token in {self._item.get_expiry()} s."
            raise Problem(TOO_MANY, detail, headers=fields, retry_after=reset_seconds)
        return fields


def _client_key(address: str) -> str:
    """The address, or the /64 network of an IPv6 address: one client can use all of its addresses."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{parsed}/64", strict=False)) if isinstance(parsed, IPv6Address) else address
