"""Plans and prices.

An offered plan never changes: another price is another version, and existing subscriptions keep theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from functions.billing.domain.money import Money

FREE = "free"


class Meter(StrEnum):
    """A measured quantity."""

    REQUESTS = "requests"
    CPU_MILLISECONDS = "cpu_milliseconds"


@dataclass(frozen=True, slots=True)
class Tier:
    """`amount` per `per` units, up to and including unit `up_to` above the included quantity (None: unlimited).

    A request costs less than a cent, so prices are per package. Fractions of a package are charged as fractions.
    """

    up_to: int | None
    amount: Money
    per: int

    def __post_init__(self) -> None:
        if self.per <= 0 or self.amount.amount < 0 or (self.up_to is not None and self.up_to <= 0):
            raise ValueError(f"{self} is not a valid price: per and up_to must be positive, amount must not be negative")


@dataclass(frozen=True, slots=True)
class Price:
    """Graduated pricing: each unit above the included quantity costs what its own tier says."""

    included: int
    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        if self.included < 0:
            raise ValueError("the included quantity must not be negative")
        if not self.tiers or self.tiers[-1].up_to is not None:
            raise ValueError("the last tier must be unlimited")
        if len({tier.amount.currency for tier in self.tiers}) != 1:
            raise ValueError("all tiers of a price must have one currency")
        ends = [tier.up_to for tier in self.tiers[:-1]]
        if None in ends or any(low >= high for low, high in pairwise(end for end in ends if end is not None)):
            raise ValueError("tiers must be in ascending order")

    @property
    def is_limit(self) -> bool:
        """Whether more than the included quantity is not sold: it costs nothing, and stops work."""
        return all(tier.amount.amount == 0 for tier in self.tiers)

    def billable(self, quantity: int) -> int:
        return max(0, quantity - self.included)

    def charge(self, quantity: int) -> Money:
        """The exact sum over all tiers, rounded once to the nearest minor unit (halves up)."""
        exact, begin, remaining = Fraction(0), 0, self.billable(quantity)
        for tier in self.tiers:
            units = remaining if tier.up_to is None else min(remaining, tier.up_to - begin)
            exact += Fraction(units * tier.amount.amount, tier.per)
            remaining -= units
            if tier.up_to is None or not remaining:
                break
            begin = tier.up_to
        return Money.rounded(exact, self.tiers[0].amount.currency)


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What a plan lets its customer run. The deploy context enforces it."""

    applications: int
    memory_mib: int

    def __post_init__(self) -> None:
        if self.applications < 0 or self.memory_mib < 0:
            raise ValueError(f"{self}: entitlements must not be negative")


@dataclass(frozen=True, slots=True)
class Plan:
    """`fee` is paid in advance for each billing period."""

    code: str
    version: int
    name: str
    fee: Money
    prices: Mapping[Meter, Price]
    entitlements: Entitlements

    @property
    def has_limits(self) -> bool:
        return any(price.is_limit for price in self.prices.values())

    def __post_init__(self) -> None:
        if set(self.prices) != set(Meter):
            raise ValueError(f"{self.code} v{self.version} must have a price for each of {[meter.value for meter in Meter]}")
        if any(tier.amount.currency != self.fee.currency for price in self.prices.values() for tier in price.tiers):
            raise ValueError(f"{self.code} v{self.version} mixes currencies")
