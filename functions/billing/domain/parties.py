"""Who an invoice is from and to, and its VAT: fixed when it is issued.

Prices include VAT. A business in another country of the Union accounts for the VAT itself (Directive 2006/112/EC, Articles 44 and 196): its invoice
has none, and says so (Article 226, point 11a).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from functions.billing.domain.billing_details import BillingDetails
from functions.billing.domain.money import Money
from functions.billing.domain.vat_numbers import EU

REVERSE_CHARGE = "Reverse charge: the recipient is liable for the VAT (Article 196, Directive 2006/112/EC)."


@dataclass(frozen=True, slots=True)
class Parties:
    """`vat_percent`: included in all amounts. `vat_note`: why there is no VAT. `buyer`: None if the customer gave no details."""

    seller: tuple[str, ...]
    seller_vat_id: str
    buyer: BillingDetails | None
    vat_percent: Fraction
    vat_note: str

    def net(self, gross: Money) -> Money:
        return Money.rounded(Fraction(gross.amount * 100) / (100 + self.vat_percent), gross.currency)

    def net_of_lines(self, amounts: Sequence[Money]) -> list[Money]:
        """The net amounts of lines. They add up to the net amount of the sum: a line takes the rounding of those before it."""
        found, gross, net = [], 0, 0
        for each in amounts:
            gross += each.amount
            until_here = self.net(Money(gross, each.currency)).amount
            found.append(Money(until_here - net, each.currency))
            net = until_here
        return found

    def to_json(self) -> dict[str, Any]:
        return {
            "seller": list(self.seller),
            "sellerVatId": self.seller_vat_id,
            "buyer": self.buyer.to_json() if self.buyer else None,
            "vatPercent": str(self.vat_percent),
            "vatNote": self.vat_note,
        }

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> "Parties":
        buyer = BillingDetails.of_json(stored["buyer"]) if stored["buyer"] else None
        return cls(tuple(stored["seller"]), stored["sellerVatId"], buyer, Fraction(stored["vatPercent"]), stored["vatNote"])


@dataclass(frozen=True, slots=True)
class Seller:
    """The operator of this installation. `lines`: name and address."""

    lines: tuple[str, ...] = ("Capsule",)
    vat_id: str = ""
    vat_percent: Fraction = Fraction(0)
    vat_note: str = "No VAT is charged."

    def parties(self, buyer: BillingDetails | None) -> Parties:
        """With a buyer of today."""
        if self._is_reverse_charge(buyer):
            return Parties(self.lines, self.vat_id, buyer, Fraction(0), REVERSE_CHARGE)
        return Parties(self.lines, self.vat_id, buyer, self.vat_percent, "" if self.vat_percent else self.vat_note)

    def _is_reverse_charge(self, buyer: BillingDetails | None) -> bool:
        own = self.vat_id[:2].upper()
        other = buyer.vat_id[:2] if buyer and buyer.vat_id and buyer.is_business_of_the_union else ""
        return bool(self.vat_percent) and own in EU and other in EU - {"XI"} and own != other
