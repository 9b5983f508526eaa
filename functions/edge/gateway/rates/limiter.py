"""Count a request against the limits of its route, refuse it with 429, and write the header fields of its response.

Header fields: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (version 10): `RateLimit-Policy` has
every limit that applies, `RateLimit` the state of the one that is nearest to its end.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from functions.edge.gateway.problems import TOO_MANY, UNAVAILABLE, Problem
from functions.edge.gateway.rates.counters import Count, Counters, CountersUnavailable, Hit
from functions.edge.gateway.rates.limits import BY_ADDRESS, BY_SESSION, Limit, Limits
from functions.edge.gateway.rates.plans import PlanFactors
from functions.kernel import Caller, RateClass

STORE_RETRY_SECONDS = 5
COUNTED = {"address": "This address", "user": "This account", "token": "This session"}


class RateLimiter:
    """`plans`: None where plans multiply no limits. `on_exceeded`: called with the name of a limit that refuses a request."""

    def __init__(
        self, limits: Limits, counters: Counters, plans: PlanFactors | None = None, on_exceeded: Callable[[str], None] = lambda name: None
    ) -> None:
        self._limits = limits
        self._counters = counters
        self._plans = plans
        self._on_exceeded = on_exceeded

    async def count_address(self, address: str) -> None:
        """Count a request of an address, before it is known who sends it. Raises Problem 429, 503."""
        if (limit := self._limits.of_address) is not None:
            self._refuse_if_exceeded(await self._count([(limit, client_key(address))]))

    async def count(self, rate_class: RateClass, caller: Caller | None, token: str | None, address: str) -> Mapping[str, str]:
        """Count a request. Returns the header fields of its response. Raises Problem 429, 503."""
        if caller is None:
            hits: list[Hit] = [(limit, client_key(address)) for limit in self._limits.of(rate_class, BY_ADDRESS)]
        else:
            factor = self._plans.factor(caller.user_id) if self._plans else 1
            hits = [
                (limit.times(factor), str((caller.session_id or caller.user_id) if limit.name.endswith("token") else caller.user_id))
                for limit in self._limits.of(rate_class, BY_SESSION)
            ]
        if not hits:
            return {}
        counts = await self._count(hits)
        if self._plans and caller is not None and token is not None:
            self._plans.look_up_if_near(caller.user_id, token, _nearest(counts))
        self._refuse_if_exceeded(counts)
        return header_fields(counts)

    async def _count(self, hits: Sequence[Hit]) -> Sequence[Count]:
        try:
            return await self._counters.count(hits)
        except CountersUnavailable:
            detail = "Requests cannot be counted right now: the store of the rate limits is not reachable. Nothing was changed."
            raise Problem(UNAVAILABLE, detail, retry_after=STORE_RETRY_SECONDS) from None

    def _refuse_if_exceeded(self, counts: Sequence[Count]) -> None:
        last = counts[-1]
        if not last.is_allowed:
            self._on_exceeded(last.limit.name)
            raise _exceeded(last, counts)


def _exceeded(count: Count, counts: Sequence[Count]) -> Problem:
    limit = count.limit
    partition = limit.name.partition(".")[2]
    detail = f"{COUNTED[partition]} sent more than {limit.amount} requests in {limit.window_seconds} s (limit {limit.name})."
    return Problem(TOO_MANY, detail, headers=header_fields(counts), retry_after=count.retry_seconds)


def header_fields(counts: Sequence[Count]) -> Mapping[str, str]:
    nearest = _nearest(counts)
    seconds = nearest.reset_seconds if nearest.is_allowed else nearest.retry_seconds
    return {
        "ratelimit-policy": _policies(tuple(count.limit for count in counts)),
        "ratelimit": f'"{nearest.limit.name}";r={nearest.remaining};t={seconds}',
    }


@lru_cache(256)
def _policies(limits: tuple[Limit, ...]) -> str:
    return ", ".join(f'"{limit.name}";q={limit.amount};w={limit.window_seconds}' for limit in limits)


def _nearest(counts: Sequence[Count]) -> Count:
    return min(counts, key=_distance_to_end)


def _distance_to_end(count: Count) -> tuple[bool, float]:
    return count.is_allowed, count.remaining / count.limit.amount


@lru_cache(4096)
def client_key(address: str) -> str:
    """The address, or the /64 network of an IPv6 address: one client can use all of its addresses."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else str(ip_network(f"{parsed}/64", strict=False))
