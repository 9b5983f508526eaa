"""Which limits exist. Each has a name, `<class>.<partition>`: the class of the route and what is counted by itself.

    requests.address      every request of a client address, before its access token is verified
    <class>.address       requests without an access token
    <class>.user          requests of a user, over all sessions; multiplied by the factor of the user's plan
    <class>.token         requests of one session of a user; multiplied too

The classes are those of `RateClass`. Rates are written as in the library `limits`: `600/minute`, `5 per 10 seconds`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import limits

from functions.kernel import RateClass

OFF = "off"
_FACTOR = re.compile(r"[1-9]\d{0,3}", re.ASCII)
REQUESTS = "requests.address"
BY_ADDRESS, BY_SESSION = ("address",), ("token", "user")
"""What is counted without and with an access token. The session comes first: one that is refused takes nothing from its user's others."""
DEFAULTS: Mapping[str, str] = {
    REQUESTS: "30000/minute",
    "reads.address": "1200/minute",
    "reads.user": "6000/minute",
    "reads.token": "3000/minute",
    "writes.address": "600/minute",
    "writes.user": "1200/minute",
    "writes.token": "600/minute",
    "credentials.address": "60/minute",
    "credentials.user": "60/minute",
    "credentials.token": "30/minute",
}


class Limit(NamedTuple):
    """At most `amount` requests in `window_seconds`."""

    name: str
    amount: int
    window_seconds: int

    def times(self, factor: int) -> "Limit":
        return self if factor == 1 else Limit(self.name, self.amount * factor, self.window_seconds)


@dataclass(frozen=True)
class Limits:
    """All limits by name. Without any (`off`) nothing is counted."""

    by_name: Mapping[str, Limit]

    @classmethod
    def parse(cls, text: str) -> "Limits":
        """Read `off`, or changes of the defaults: `credentials.address=30/minute, reads.user=100/second`. Raises ValueError."""
        if text.strip().lower() == OFF:
            return cls({})
        rates = dict(DEFAULTS)
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, separator, rate = (piece.strip() for piece in part.partition("="))
            if not separator or name not in DEFAULTS:
                raise ValueError(f"{part!r} is not one of {', '.join(DEFAULTS)} with a rate")
            rates[name] = rate
        return cls({name: _parse_limit(name, rate) for name, rate in rates.items()})

    @property
    def of_address(self) -> Limit | None:
        return self.by_name.get(REQUESTS)

    def of(self, rate_class: RateClass, partitions: tuple[str, ...]) -> tuple[Limit, ...]:
        """`partitions`: BY_ADDRESS or BY_SESSION."""
        return self._selected[rate_class, partitions]

    @cached_property
    def _selected(self) -> Mapping[tuple[RateClass, tuple[str, ...]], tuple[Limit, ...]]:
        keys = [(rate_class, partitions) for rate_class in RateClass for partitions in (BY_ADDRESS, BY_SESSION)]
        return {key: tuple(self.by_name[name] for each in key[1] if (name := f"{key[0]}.{each}") in self.by_name) for key in keys}


def _parse_limit(name: str, rate: str) -> Limit:
    try:
        [item] = limits.parse_many(rate)
    except ValueError:
        item = None
    if item is None or item.amount < 1:
        raise ValueError(f"{rate!r} is not a rate for {name}, as in 600/minute or 5 per 10 seconds")
    return Limit(name, item.amount, item.get_expiry())


def parse_plan_factors(text: str) -> Mapping[str, int]:
    """Read the factors of plans: `pro=2, business=10`. Other plans have the factor 1. Raises ValueError."""
    factors: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        plan, _, factor = (piece.strip() for piece in part.partition("="))
        if not plan or not _FACTOR.fullmatch(factor):
            raise ValueError(f"{part!r} is not a plan with its factor, a whole number from 1 to 9999")
        factors[plan] = int(factor)
    return factors
