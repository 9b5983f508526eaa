"""How many anonymous mutations one address may make, and how it is told (RateLimit header fields, an IETF draft).

Counted in this process: several gateways allow several times as much, which is enough against a loop that guesses passwords; accounts lock by
themselves, in auth's database. Signed-in callers are not counted here: what they may do is a matter of quotas.
"""

import time
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from functions.edge.gateway.problems import TOO_MANY, Problem
from functions.edge.gateway.responses import Answer


class Throttle:
    def __init__(self, rate: str) -> None:
        self._item: RateLimitItem = parse(rate)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def pass_or_refuse(self, address: str) -> dict[str, str]:
        """Counts one; the header fields to send along. Raises Problem 429."""
        whose = _neighbourhood(address)
        allowed = await self._limiter.hit(self._item, whose)
        window = await self._limiter.get_window_stats(self._item, whose)
        left = max(1, round(window.reset_time - time.time()))
        fields = {
            "ratelimit-policy": f'"anonymous";q={self._item.amount};w={self._item.get_expiry()}',
            "ratelimit": f'"anonymous";r={max(window.remaining, 0)};t={left}',
        }
        if not allowed:
            raise Problem(TOO_MANY, "Too many requests from this address without being signed in.", headers=fields, retry_after=left)
        return fields


def _neighbourhood(address: str) -> str:
    """IPv6 clients own a /64, in which they can change their address at will."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{known}/64", strict=False)) if isinstance(known, IPv6Address) else address


def tell(answer: Answer, fields: dict[str, str]) -> None:
    for name, value in fields.items():
        answer.add(name, value)
