"""In-memory payment provider and mailer of billing. The provider's contract suite runs on this and on Stripe's API.

It honours idempotency keys, declines Stripe's test cards, and has charges whose outcome comes later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from events.billing import UsageThresholdReached
from events.deploy import AccountStandingChanged
from functions.billing.domain.credit_notes import CreditNote, ProviderRefund
from functions.billing.domain.customers import Customer
from functions.billing.domain.disputes import Dispute, ProviderDispute
from functions.billing.domain.invoices import Invoice
from functions.billing.domain.money import Money
from functions.billing.domain.payment_methods import PaymentMethodChange
from functions.billing.domain.payments import Payment, PaymentStatus, ProviderResult
from functions.billing.ports import ProviderRefused, ProviderUnavailable
from functions.kernel import new_id

DECLINED_AT_ONCE = "pm_card_visa_chargeDeclined"
DECLINED_WHEN_CHARGED = "pm_card_chargeCustomerFail"
MISTYPED = ("pm_card_vias", "pm_1")
SLOW = "pm_slow"
"""Stays pending until `set_outcome`."""


@dataclass
class MemoryProvider:
    is_unavailable: bool = False
    refusal: str = ""
    """If set, opening an account is refused with this reason."""
    accounts: dict[UUID, str] = field(default_factory=dict)
    charges: dict[str, ProviderResult] = field(default_factory=dict)
    """By idempotency key."""
    refunds: dict[UUID, ProviderRefund] = field(default_factory=dict)
    """By credit note, or by an id of its own."""
    refunded_payments: dict[UUID, UUID] = field(default_factory=dict)
    refund_status: PaymentStatus = PaymentStatus.SUCCEEDED
    disputes: dict[UUID, list[ProviderDispute]] = field(default_factory=dict)
    """By payment."""
    declined_methods: set[str] = field(default_factory=lambda: {DECLINED_AT_ONCE, DECLINED_WHEN_CHARGED})

    async def open_account(self, customer: Customer) -> str:
        self._require_available()
        if self.refusal:
            raise ProviderRefused(self.refusal)
        return self.accounts.setdefault(customer.id, f"cus_{customer.id.hex}")

    async def close_account(self, customer: Customer) -> None:
        self._require_available()
        self.accounts.pop(customer.id, None)

    async def charge(self, payment: Payment, customer: Customer) -> ProviderResult:
        self._require_available()
        if customer.provider_id not in self.accounts.values():
            raise ProviderRefused(f"no such customer: {customer.provider_id!r}")
        return self.charges.setdefault(payment.idempotency_key, self._charge(payment))

    async def attach(self, change: PaymentMethodChange, customer: Customer) -> ProviderResult:
        self._require_available()
        method = change.payment_method
        if self._is_unknown(method):
            return self._unknown(method)
        if method == DECLINED_AT_ONCE:
            return ProviderResult(None, PaymentStatus.FAILED, failure_code="card_declined", failure_message="Your card was declined.")
        return ProviderResult(None, PaymentStatus.SUCCEEDED, f"{method.removesuffix('_attached')}_attached")

    @staticmethod
    def _is_unknown(method: str) -> bool:
        return not method.startswith("pm_") or method in MISTYPED

    @staticmethod
    def _unknown(method: str) -> ProviderResult:
        message = f"No such payment method: {method}."
        return ProviderResult(None, PaymentStatus.FAILED, failure_code="resource_missing", failure_message=message)

    def _charge(self, payment: Payment) -> ProviderResult:
        id, method = f"pi_{payment.id.hex}", payment.payment_method
        known = method.removesuffix("_attached")
        if self._is_unknown(method):
            return self._unknown(method)
        if known in self.declined_methods:
            return ProviderResult(id, PaymentStatus.FAILED, failure_code="card_declined", failure_message="Your card was declined.")
        return ProviderResult(id, PaymentStatus.PENDING if known == SLOW else PaymentStatus.SUCCEEDED, f"{known}_attached")

    def set_outcome(self, payment: Payment, status: PaymentStatus) -> None:
        """Decide a pending charge."""
        before = self.charges[payment.idempotency_key]
        self.charges[payment.idempotency_key] = ProviderResult(before.provider_id, status, before.method)

    async def get_charge(self, provider_id: str) -> ProviderResult:
        self._require_available()
        for result in self.charges.values():
            if result.provider_id == provider_id:
                return result
        raise ProviderRefused(f"no such payment: {provider_id!r}")

    async def refund(self, note: CreditNote, payment: Payment) -> ProviderResult:
        self._require_available()
        charge = next((each for each in self.charges.values() if each.provider_id == payment.provider_id), None)
        if charge is None or charge.status is not PaymentStatus.SUCCEEDED:
            return ProviderResult(
                None, PaymentStatus.FAILED, failure_code="charge_not_refundable", failure_message="This payment cannot be refunded."
            )
        former = self.refunds.setdefault(note.id, ProviderRefund(note.amount, ProviderResult(f"re_{note.id.hex}", self.refund_status), note.id))
        self.refunded_payments.setdefault(note.id, payment.id)
        return former.result

    def refund_at_provider(self, payment: Payment, amount: Money) -> None:
        """A refund that Capsule did not ask for."""
        id = new_id()
        self.refunds[id] = ProviderRefund(amount, ProviderResult(f"re_{id.hex}", PaymentStatus.SUCCEEDED), None)
        self.refunded_payments[id] = payment.id

    def set_refund(self, note_id: UUID, status: PaymentStatus, message: str | None = None) -> None:
        """Decide a refund, or let one that had succeeded fail."""
        former = self.refunds[note_id]
        result = ProviderResult(former.provider_id, status, failure_code=message and "failed", failure_message=message)
        self.refunds[note_id] = ProviderRefund(former.amount, result, former.credit_note_id)

    async def list_refunds(self, payment: Payment) -> Sequence[ProviderRefund]:
        self._require_available()
        return [refund for id, refund in self.refunds.items() if self.refunded_payments[id] == payment.id]

    async def list_disputes(self, payment: Payment) -> Sequence[ProviderDispute]:
        self._require_available()
        return self.disputes.get(payment.id, [])

    def _require_available(self) -> None:
        if self.is_unavailable:
            raise ProviderUnavailable("the payment provider does not answer")


@dataclass
class MemoryMailer:
    """Records sent e-mails: kind, id of the invoice or payment, and the PDF."""

    sent: list[tuple[str, UUID]] = field(default_factory=list)
    attachments: list[bytes] = field(default_factory=list)

    async def send_invoice(self, invoice: Invoice, customer: Customer, pdf: bytes) -> None:
        self.sent.append(("invoice", invoice.id))
        self.attachments.append(pdf)

    async def send_payment_failed(self, payment: Payment, invoice: Invoice, customer: Customer) -> None:
        self.sent.append(("failed", payment.id))

    async def send_invoice_voided(self, invoice: Invoice, reason: str, customer: Customer) -> None:
        self.sent.append(("voided", invoice.id))

    async def send_credit_note(self, note: CreditNote, invoice: Invoice, customer: Customer, pdf: bytes) -> None:
        self.sent.append((f"credit-note-{note.status}", note.id))
        self.attachments.append(pdf)

    async def send_dispute(self, dispute: Dispute, invoice: Invoice, customer: Customer) -> None:
        self.sent.append((f"dispute-{dispute.status}", dispute.id))

    async def send_usage_threshold(self, reached: UsageThresholdReached, customer: Customer) -> None:
        self.sent.append((f"usage-{reached.meter}-{reached.percent}", customer.user_id))

    async def send_account_standing(self, changed: AccountStandingChanged, customer: Customer) -> None:
        self.sent.append((f"standing-{changed.standing}", customer.user_id))
