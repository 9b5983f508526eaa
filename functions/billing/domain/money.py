"""Money: an integer count of minor units (cents) and an ISO 4217 currency. No floats, no mixing of currencies, no lost cent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

CODE = re.compile(r"^[A-Z]{3}$")


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were put together."""


@dataclass(frozen=True, slots=True)
class Money:
    amount: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.amount, bool) or not isinstance(self.amount, int):
            raise ValueError(f"an amount is an integer of minor units, not {self.amount!r}")
        if not CODE.match(self.currency):
            raise ValueError(f"{self.currency!r} is not an ISO 4217 code")

    @classmethod
    def zero(cls, currency: str) -> "Money":
        return cls(0, currency)

    @classmethod
    def rounded(cls, exact: Fraction, currency: str) -> "Money":
        """The nearest minor unit; halves go up (towards +∞), so 0.5 → 1 and −0.5 → 0."""
        return cls((2 * exact.numerator + exact.denominator) // (2 * exact.denominator), currency)

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def shared(self, weights: Sequence[int]) -> list["Money"]:
        """Split by weights without losing a minor unit: the largest remainders get what flooring leaves; among equals, the first."""
        if not weights:
            if self.amount:
                raise ValueError(f"there is nobody to share {self.amount} {self.currency} among")
            return []
        if min(weights) < 0:
            raise ValueError("weights are not negative")
        total = sum(weights)
        if total == 0:
            weights, total = [1] * len(weights), len(weights)
        parts = [divmod(self.amount * weight, total) for weight in weights]
        left = self.amount - sum(floor for floor, _ in parts)
        luckiest = set(sorted(range(len(parts)), key=lambda index: -parts[index][1])[:left])
        return [Money(floor + (index in luckiest), self.currency) for index, (floor, _) in enumerate(parts)]

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
