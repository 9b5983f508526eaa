"""Money: an integer of minor units (cents) and an ISO 4217 currency. No floats, no mixed currencies, no lost cents."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

CURRENCY_CODE = re.compile(r"^[A-Z]{3}$")


class CurrencyMismatch(ValueError):
    """Two amounts have different currencies."""


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` is in minor units."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.amount, bool) or not isinstance(self.amount, int):
            raise ValueError(f"an amount must be an integer of minor units, not {self.amount!r}")
        if not CURRENCY_CODE.match(self.currency):
            raise ValueError(f"{self.currency!r} is not an ISO 4217 code")

    @classmethod
    def zero(cls, currency: str) -> "Money":
        return cls(0, currency)

    @classmethod
    def rounded(cls, exact: Fraction, currency: str) -> "Money":
        """Round to the nearest minor unit, halves up (towards +∞): 0.5 → 1, −0.5 → 0."""
        return cls((2 * exact.numerator + exact.denominator) // (2 * exact.denominator), currency)

    def __add__(self, other: "Money") -> "Money":
        self._require_same_currency(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._require_same_currency(other)
        return Money(self.amount - other.amount, self.currency)

    def __str__(self) -> str:
        """`-1,033.50 EUR`. Currencies with two decimals only; all plans are in EUR."""
        sign, minor = ("-" if self.amount < 0 else ""), abs(self.amount)
        return f"{sign}{minor // 100:,}.{minor % 100:02} {self.currency}"

    def shared(self, weights: Sequence[int]) -> list["Money"]:
        """Split by weights without losing a minor unit (largest-remainder method; on a tie, the first share gets it).

        Raises ValueError for a negative weight, or for an amount without any weights.
        """
        if not weights:
            if self.amount:
                raise ValueError(f"cannot share {self.amount} {self.currency} among no weights")
            return []
        if min(weights) < 0:
            raise ValueError("weights must not be negative")
        total = sum(weights)
        if total == 0:
            weights, total = [1] * len(weights), len(weights)
        parts = [divmod(self.amount * weight, total) for weight in weights]
        rest = self.amount - sum(floor for floor, _ in parts)
        largest_remainders = set(sorted(range(len(parts)), key=lambda index: -parts[index][1])[:rest])
        return [Money(floor + (index in largest_remainders), self.currency) for index, (floor, _) in enumerate(parts)]

    def _require_same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
