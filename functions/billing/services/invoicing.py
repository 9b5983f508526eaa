"""Issue invoices of ended periods, and replace open invoices whose plan ended before it was paid for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.billing.domain.bill import rate_total
from functions.billing.domain.charges import credit_lines, served_lines
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, InvoiceLine, Purpose, invoice_series
from functions.billing.domain.ledger import Transaction, TransactionKind
from functions.billing.domain.parties import Seller
from functions.billing.domain.payments import MIN_CHARGE_MINOR
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Plan
from functions.billing.domain.rated_periods import RatedPeriod, UnbilledUsage
from functions.billing.domain.subscriptions import Subscription
from functions.billing.ports import Invoices, Ledger, Payments, Plans, RatedPeriods, Usage
from functions.kernel import Events


@dataclass(frozen=True, slots=True)
class Invoicing:
    """All methods need the lock of the customer's subscription."""

    invoices: Invoices
    payments: Payments
    ledger: Ledger
    plans: Plans
    rated_periods: RatedPeriods
    usage: Usage
    seller: Seller

    async def end_period(self, subscription: Subscription, period: Period, plan: Plan) -> None:
        """Record that `plan` rates the usage of an ended period. A period without a length has no usage."""
        if period.begin < period.end:
            await self.rated_periods.save(RatedPeriod(subscription.id, period, plan.code, plan.version))

    async def unbilled_usage(self, user_id: UUID, subscription_id: UUID) -> UnbilledUsage:
        """All usage of ended periods that is not on an invoice."""
        periods = []
        for rated in await self.rated_periods.list_open(subscription_id):
            plan = await self.plans.get(rated.plan_code, rated.plan_version)
            periods.append((rated, rate_total(plan, rated.period, await self.usage.total(user_id, rated.period))))
        return UnbilledUsage(periods)

    async def issue(self, invoice: Invoice, unbilled: UnbilledUsage, customer: Customer, now: datetime) -> Events:
        """Issue an invoice with the lines of `unbilled`. Below the minimum charge nothing is issued: the usage is on the next invoice."""
        is_issued = invoice.total.amount >= MIN_CHARGE_MINOR
        if is_issued:
            unbilled.add(invoice.lines)
        unbilled.close(now)
        for rated, _ in unbilled.periods:
            await self.rated_periods.save(rated)
        if not is_issued:
            return ()
        events = invoice.issue(await self.invoices.reserve_number(invoice_series(now)), customer, self.seller, now)
        await self.invoices.add(invoice)
        await self.ledger.post(Transaction.of(TransactionKind.INVOICE_ISSUED, invoice.id, customer.id, invoice.total, now))
        return events

    async def end_plan(
        self, customer: Customer, subscription: Subscription, plan: Plan, period: Period, served_until: datetime, now: datetime
    ) -> tuple[Events, Invoice]:
        """Issue the final invoice of a plan that ended within `period` and was served until `served_until`.

        It replaces open invoices for later time. The subscription, which is not saved, has its free plan already.

        Returns the events and the invoice, which has no number if nothing is owed.
        """
        ended = Period(period.begin, subscription.current_period.begin)
        await self.end_period(subscription, ended, plan)
        fees, voided = await self.void_unserved(customer, subscription, served_until, now)
        unbilled = await self.unbilled_usage(customer.user_id, subscription.id)
        lines = [*unbilled.lines(ended), *fees]
        credit = credit_lines(subscription.credit_minor, lines, period)
        final = Invoice.draft(Purpose.FINAL, customer.id, subscription.id, plan, period, [*lines, *credit], now)
        events = (*voided, *await self.issue(final, unbilled, customer, now))
        subscription.credit_minor += sum(line.amount.amount for line in credit)
        return events, final

    async def has_pending_payment(self, customer_id: UUID) -> bool:
        """Whether a charge of an open invoice has no outcome yet."""
        attempts = [await self.payments.get_last_attempt(invoice.id) for invoice in await self.invoices.list_open(customer_id)]
        return any(attempt is not None and attempt.is_pending for attempt in attempts)

    async def void_unserved(
        self, customer: Customer, subscription: Subscription, served_until: datetime, now: datetime
    ) -> tuple[list[InvoiceLine], Events]:
        """Void open invoices with a fee for time after `served_until`.

        Returns the fees of the time before, for the final invoice, and the events.
        """
        lines: list[InvoiceLine] = []
        events: Events = ()
        for invoice in await self.invoices.list_open(customer.id):
            if invoice.has_unserved_time(served_until):
                lines += served_lines(invoice, served_until)
                events = (*events, *await self.void(invoice, customer, subscription, "The plan ended before it was paid for.", now))
        return lines, events

    async def void(self, invoice: Invoice, customer: Customer, subscription: Subscription, reason: str, now: datetime) -> Events:
        """Void an open invoice. Its usage is unbilled again, and the credit that it used is given back to the subscription, which is not saved."""
        events = invoice.void_issued(customer, reason, now)
        await self.invoices.save(invoice)
        await self.ledger.post(Transaction.of(TransactionKind.INVOICE_VOIDED, invoice.id, customer.id, invoice.total, now))
        subscription.credit_minor += invoice.used_credit_minor
        await self._unbill(invoice.subscription_id, invoice.lines)
        return events

    async def _unbill(self, subscription_id: UUID, lines: Sequence[InvoiceLine]) -> None:
        for begin in sorted({line.period.begin for line in lines if line.meter is not None}):
            if rated := await self.rated_periods.get(subscription_id, begin):
                rated.remove(lines)
                await self.rated_periods.save(rated)
