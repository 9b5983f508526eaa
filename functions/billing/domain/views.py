"""Parts that several answers of the billing context share."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Self
from uuid import UUID

from functions.billing.domain.billing_details import BillingDetails
from functions.billing.domain.disputes import Dispute, DisputeStatus
from functions.billing.domain.invoices import Invoice, InvoiceLine, InvoiceStatus, LineKind, Purpose
from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import FREE, Entitlements, Meter
from functions.billing.domain.subscriptions import ChangeTiming, Subscription
from functions.billing.domain.usage import Quantities
from functions.kernel import Model


class Amount(Model):
    """Minor units (cents) of an ISO 4217 currency."""

    amount: int
    currency: str

    @classmethod
    def of(cls, money: Money) -> Self:
        return cls(amount=money.amount, currency=money.currency)


class BillingDetailsView(Model):
    """`country`: ISO 3166-1 alpha-2. `vat_id`: of a business, with its country."""

    name: str
    address: list[str]
    country: str
    vat_id: str | None

    @classmethod
    def of(cls, details: BillingDetails) -> Self:
        return cls(name=details.name, address=list(details.address), country=details.country, vat_id=details.vat_id)


class PeriodView(Model):
    """From `begin` (inclusive) to `end` (exclusive)."""

    begin: datetime
    end: datetime

    @classmethod
    def of(cls, period: Period) -> Self:
        return cls(begin=period.begin, end=period.end)


class UsageView(Model):
    """Used quantities. MiB seconds: reserved by data services and volumes, and stored by backups and snapshots, times how long."""

    requests: int
    cpu_milliseconds: int
    database_mib_seconds: int
    redis_mib_seconds: int
    volume_mib_seconds: int
    backup_mib_seconds: int

    @staticmethod
    def quantities(usage: Quantities) -> dict[str, int]:
        return {meter.value: usage.of(meter) for meter in Meter}


class EntitlementsView(Model):
    """What the subscription may run and store: applications, and memory in MiB over all of them; the number of data services, volumes
    and backups (with snapshots), and how large they may be together."""

    applications: int
    memory_mib: int
    data_services: int
    data_services_mib: int
    volumes: int
    volumes_mib: int
    backups: int
    backups_mib: int

    @classmethod
    def of(cls, entitlements: Entitlements) -> Self:
        return cls(applications=entitlements.applications, memory_mib=entitlements.memory_mib, **asdict(entitlements.storage))


class SubscriptionChangeView(Model):
    """`status` is `done`, `scheduled` (takes effect at `takes_effect_at`) or `pending` (takes effect when `invoice_id` is paid)."""

    subscription_id: UUID
    status: str
    plan: str
    takes_effect_at: datetime | None = None
    invoice_id: UUID | None = None
    due: Amount | None = None

    @classmethod
    def scheduled(cls, subscription: Subscription, plan: str) -> Self:
        return cls(subscription_id=subscription.id, status="scheduled", plan=plan, takes_effect_at=subscription.billed_until)

    @classmethod
    def done(cls, subscription: Subscription) -> Self:
        return cls(subscription_id=subscription.id, status="done", plan=subscription.plan_code)

    @classmethod
    def pending(cls, subscription: Subscription, invoice: Invoice) -> Self:
        return cls(subscription_id=subscription.id, status="pending", plan=invoice.plan_code, invoice_id=invoice.id, due=Amount.of(invoice.total))


class OpenInvoiceView(Model):
    invoice_id: UUID
    number: str
    total: Amount

    @classmethod
    def of(cls, invoice: Invoice) -> Self:
        assert invoice.number is not None
        return cls(invoice_id=invoice.id, number=invoice.number, total=Amount.of(invoice.total))


class CancellationView(Model):
    """`status` is `done` or `scheduled` (takes effect at `takes_effect_at`).

    `due`: what is owed now, the sum of `open_invoices`.
    """

    subscription_id: UUID
    status: str
    plan: str
    takes_effect_at: datetime | None
    due: Amount
    open_invoices: list[OpenInvoiceView]

    @classmethod
    def of(cls, subscription: Subscription, timing: ChangeTiming, open_invoices: Sequence[Invoice], currency: str) -> Self:
        is_done = timing is ChangeTiming.NOW
        return cls(
            subscription_id=subscription.id,
            status="done" if is_done else "scheduled",
            plan=FREE,
            takes_effect_at=None if is_done else subscription.billed_until,
            due=Amount(amount=sum(invoice.total.amount for invoice in open_invoices), currency=currency),
            open_invoices=[OpenInvoiceView.of(invoice) for invoice in open_invoices],
        )


class DisputeView(Model):
    """The customer's bank demands a payment back. `status`: open and lost ones are withdrawn from what was paid."""

    dispute_id: UUID
    provider_id: str
    status: DisputeStatus
    amount: Amount
    reason: str
    opened_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, dispute: Dispute) -> Self:
        return cls(
            dispute_id=dispute.id,
            provider_id=dispute.provider_id,
            status=dispute.status,
            amount=Amount.of(dispute.amount),
            reason=dispute.reason,
            opened_at=dispute.opened_at,
            closed_at=dispute.closed_at,
        )


class InvoiceLineView(Model):
    """`meter`: what `quantity` counts, for usage; null for fees and credits."""

    kind: LineKind
    description: str
    quantity: int
    amount: Amount
    period: PeriodView
    meter: Meter | None = None

    @classmethod
    def of(cls, line: InvoiceLine) -> Self:
        return cls(
            kind=line.kind,
            description=line.description,
            quantity=line.quantity,
            amount=Amount.of(line.amount),
            period=PeriodView.of(line.period),
            meter=line.meter,
        )


class InvoiceSummaryView(Model):
    """`credited`: the sum of its credit notes."""

    invoice_id: UUID
    number: str
    status: InvoiceStatus
    purpose: Purpose
    plan: str
    period: PeriodView
    total: Amount
    credited: Amount
    issued_at: datetime
    settled_at: datetime | None

    @classmethod
    def of(cls, invoice: Invoice, credited_minor: int) -> "InvoiceSummaryView":
        assert invoice.number is not None and invoice.issued_at is not None
        return InvoiceSummaryView(
            invoice_id=invoice.id,
            number=invoice.number,
            status=invoice.status,
            purpose=invoice.purpose,
            plan=invoice.plan_code,
            period=PeriodView.of(invoice.period),
            total=Amount.of(invoice.total),
            credited=Amount(amount=credited_minor, currency=invoice.total.currency),
            issued_at=invoice.issued_at,
            settled_at=invoice.settled_at,
        )
