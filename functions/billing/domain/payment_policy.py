"""Whether the installation takes payments.

Without an account at a payment provider payments are off, and everything else of billing works: usage, bills, invoices, the
free plan. Nothing is charged, so nobody is suspended for an invoice that is open.
"""

from dataclasses import dataclass
from typing import Literal

from functions.billing.domain.rejections import PaymentsOff


@dataclass(frozen=True, slots=True)
class PaymentPolicy:
    is_on: bool

    def require(self) -> None:
        """Raises PaymentsOff."""
        if not self.is_on:
            raise PaymentsOff

    @property
    def mode(self) -> Literal["on", "off"]:
        return "on" if self.is_on else "off"
