"""Words that several of billing's answers share."""

from datetime import datetime
from uuid import UUID

from functions.billing.domain.invoices import Invoice, InvoiceLine, InvoiceStatus, LineKind, Purpose
from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Entitlements
from functions.billing.domain.subscriptions import Subscription
from functions.kernel import Model


class Amount(Model):
    """Minor units (cents) of an ISO 4217 currency."""

    amount: int
    currency: str

    @classmethod
    def of(cls, money: Money) -> "Amount":
        return cls(amount=money.amount, currency=money.currency)


class BillPeriod(Model):
    """`begin` belongs to it, `end` to the next."""

    begin: datetime
    end: datetime

    @classmethod
    def of(cls, period: Period) -> "BillPeriod":
        return cls(begin=period.begin, end=period.end)


class AllowedView(Model):
    applications: int
    memory_mib: int

    @classmethod
    def of(cls, entitlements: Entitlements) -> "AllowedView":
        return cls(applications=entitlements.applications, memory_mib=entitlements.memory_mib)


class ChangeAccepted(Model):
    """`status`: `pending` until a payment's outcome is known (GET /v1/billing/subscription shows it), `scheduled` for `takes_effect_at`, `done`."""

    subscription_id: UUID
    status: str
    plan: str
    takes_effect_at: datetime | None = None
    invoice_id: UUID | None = None
    due: Amount | None = None

    @classmethod
    def at_period_end(cls, subscription: Subscription, plan: str) -> "ChangeAccepted":
        return cls(subscription_id=subscription.id, status="scheduled", plan=plan, takes_effect_at=subscription.billed_until)

    @classmethod
    def done(cls, subscription: Subscription) -> "ChangeAccepted":
        return cls(subscription_id=subscription.id, status="done", plan=subscription.plan_code)

    @classmethod
    def pending(cls, subscription: Subscription, invoice: Invoice) -> "ChangeAccepted":
        return cls(subscription_id=subscription.id, status="pending", plan=invoice.plan_code, invoice_id=invoice.id, due=Amount.of(invoice.total))


class InvoiceLineView(Model):
    kind: LineKind
    description: str
    quantity: int
    amount: Amount
    period: BillPeriod

    @classmethod
    def of(cls, line: InvoiceLine) -> "InvoiceLineView":
        return cls(
            kind=line.kind, description=line.description, quantity=line.quantity, amount=Amount.of(line.amount), period=BillPeriod.of(line.period)
        )


class InvoiceSummary(Model):
    invoice_id: UUID
    number: str
    status: InvoiceStatus
    purpose: Purpose
    plan: str
    period: BillPeriod
    total: Amount
    issued_at: datetime
    settled_at: datetime | None

    @classmethod
    def of(cls, invoice: Invoice) -> "InvoiceSummary":
        assert invoice.number is not None and invoice.issued_at is not None
        return cls(
            invoice_id=invoice.id,
            number=invoice.number,
            status=invoice.status,
            purpose=invoice.purpose,
            plan=invoice.plan_code,
            period=BillPeriod.of(invoice.period),
            total=Amount.of(invoice.total),
            issued_at=invoice.issued_at,
            settled_at=invoice.settled_at,
        )
