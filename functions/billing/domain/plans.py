"""Plans and their prices. A plan that was offered never changes; another price is another version, and who subscribed keeps theirs."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from functions.billing.domain.money import Money

FREE = "free"


class Meter(StrEnum):
    """What is measured."""

    REQUESTS = "requests"
    CPU_MILLISECONDS = "cpu_milliseconds"


@dataclass(frozen=True, slots=True)
class Tier:
    """`amount` for every `per` units, up to and including unit number `up_to` beyond what the plan includes (None: without end).

    A request costs less than the smallest coin, so a price is said for a package; fractions of a package are charged as fractions.
    """

    up_to: int | None
    amount: Money
    per: int

    def __post_init__(self) -> None:
        if self.per <= 0 or self.amount.amount < 0 or (self.up_to is not None and self.up_to <= 0):
            raise ValueError(f"{self} is no price")


@dataclass(frozen=True, slots=True)
class Price:
    """Graduated: each unit beyond the included ones costs what its own tier says."""

    included: int
    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        if self.included < 0:
            raise ValueError("a plan cannot include less than nothing")
        if not self.tiers or self.tiers[-1].up_to is not None:
            raise ValueError("the last tier has no end, so that every quantity has a price")
        if len({tier.amount.currency for tier in self.tiers}) != 1:
            raise ValueError("all tiers of a price are in one currency")
        ends = [tier.up_to for tier in self.tiers[:-1]]
        if None in ends or any(low >= high for low, high in pairwise(end for end in ends if end is not None)):
            raise ValueError("tiers rise")

    def billable(self, quantity: int) -> int:
        return max(0, quantity - self.included)

    def charge(self, quantity: int) -> Money:
        """Exact over all tiers, rounded once, at the end, to the nearest minor unit (halves up)."""
        exact, begin, left = Fraction(0), 0, self.billable(quantity)
        for tier in self.tiers:
            units = left if tier.up_to is None else min(left, tier.up_to - begin)
            exact += Fraction(units * tier.amount.amount, tier.per)
            left -= units
            if tier.up_to is None or not left:
                break
            begin = tier.up_to
        return Money.rounded(exact, self.tiers[0].amount.currency)


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What a plan allows to run; deploy keeps to it."""

    applications: int
    memory_mib: int

    def __post_init__(self) -> None:
        if self.applications < 0 or self.memory_mib < 0:
            raise ValueError(f"{self}: a plan cannot allow less than nothing")


@dataclass(frozen=True, slots=True)
class Plan:
    code: str
    version: int
    name: str
    fee: Money  # for each billing period, ahead
    prices: Mapping[Meter, Price]
    entitlements: Entitlements

    def __post_init__(self) -> None:
        if set(self.prices) != set(Meter):
            raise ValueError(f"{self.code} v{self.version} must have a price for each of {[meter.value for meter in Meter]}")
        if any(tier.amount.currency != self.fee.currency for price in self.prices.values() for tier in price.tiers):
            raise ValueError(f"{self.code} v{self.version} mixes currencies")
