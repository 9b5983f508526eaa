"""Plans and prices.

An offered plan never changes: another price is another version, and existing subscriptions keep theirs.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from functions.billing.domain.money import Money

FREE = "free"


class Meter(StrEnum):
    """A measured quantity. Its value is the name of the field and of the column that has it.

    MiB seconds: what data services and volumes reserve, and what backups and snapshots take, times how long.
    """

    REQUESTS = "requests"
    CPU_MILLISECONDS = "cpu_milliseconds"
    DATABASE_MIB_SECONDS = "database_mib_seconds"
    REDIS_MIB_SECONDS = "redis_mib_seconds"
    VOLUME_MIB_SECONDS = "volume_mib_seconds"
    BACKUP_MIB_SECONDS = "backup_mib_seconds"


ALWAYS_PRICED = frozenset({Meter.REQUESTS, Meter.CPU_MILLISECONDS})
"""Plans from before storage was metered have no price for it: it is neither charged nor limited by use."""
MIB_SECONDS_PER_GIB_HOUR = 1024 * 3600
MIB_SECONDS_PER_GIB_MONTH = MIB_SECONDS_PER_GIB_HOUR * 744
"""A month of 31 days, so that what is included lasts for every month."""


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
class StorageEntitlements:
    """How many data services, volumes and backups a customer may have, and how large they may be together. Backups: with snapshots of volumes."""

    data_services: int
    data_services_mib: int
    volumes: int
    volumes_mib: int
    backups: int
    backups_mib: int


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What a plan lets its customer run and store. The deploy context enforces it."""

    applications: int
    memory_mib: int
    storage: StorageEntitlements

    def __post_init__(self) -> None:
        if min(self.applications, self.memory_mib, *astuple(self.storage)) < 0:
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

    def is_limited(self, meter: Meter) -> bool:
        """Whether what the plan includes of the meter is a limit."""
        return meter in self.prices and self.prices[meter].is_limit

    def __post_init__(self) -> None:
        if missing := ALWAYS_PRICED - set(self.prices):
            raise ValueError(f"{self.code} v{self.version} must have a price for each of {sorted(missing)}")
        if any(tier.amount.currency != self.fee.currency for price in self.prices.values() for tier in price.tiers):
            raise ValueError(f"{self.code} v{self.version} mixes currencies")
