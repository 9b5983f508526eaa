"""The payment provider of an installation without one: payments are off."""

from collections.abc import Sequence
from typing import NoReturn

from functions.billing.adapters.variables import STRIPE_API_KEY
from functions.billing.domain.credit_notes import CreditNote, ProviderRefund
from functions.billing.domain.customers import Customer
from functions.billing.domain.disputes import ProviderDispute
from functions.billing.domain.payment_methods import PaymentMethodChange
from functions.billing.domain.payments import Payment, ProviderResult
from functions.billing.ports import ProviderUnavailable
from functions.runtime.config.settings import Settings

MESSAGE = f"Payments are off: {STRIPE_API_KEY.name} is not set."


class NoPayments:
    """Every call raises ProviderUnavailable, which is repeated: an operator can set the key.

    Only what was in progress when payments were turned off comes here, and the closing of accounts of that time: commands
    reject, and periods end without a charge.
    """

    async def open_account(self, customer: Customer) -> str:
        _refuse()

    async def close_account(self, customer: Customer) -> None:
        _refuse()

    async def attach(self, change: PaymentMethodChange, customer: Customer) -> ProviderResult:
        _refuse()

    async def charge(self, payment: Payment, customer: Customer) -> ProviderResult:
        _refuse()

    async def get_charge(self, provider_id: str) -> ProviderResult:
        _refuse()

    async def refund(self, note: CreditNote, payment: Payment) -> ProviderResult:
        _refuse()

    async def list_refunds(self, payment: Payment) -> Sequence[ProviderRefund]:
        _refuse()

    async def list_disputes(self, payment: Payment) -> Sequence[ProviderDispute]:
        _refuse()


def notices(settings: Settings) -> tuple[str, ...]:
    """What `/health` reports about billing beside its state."""
    return () if settings.value(STRIPE_API_KEY) else (MESSAGE,)


def _refuse() -> NoReturn:
    raise ProviderUnavailable(MESSAGE)
