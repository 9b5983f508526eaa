"""Show the current bill: usage, charges, what is due and paid.

Usage is listed by application and environment. It is rated with the subscription's plan.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from functions.billing.domain import charges
from functions.billing.domain.applications import Application
from functions.billing.domain.bill import Bill, Line, rate, rate_total
from functions.billing.domain.credit_notes import RefundStatus, credited_amount
from functions.billing.domain.disputes import disputed_amount
from functions.billing.domain.invoices import InvoiceLine, InvoiceStatus, LineKind
from functions.billing.domain.money import Money
from functions.billing.domain.payment_policy import PaymentPolicy
from functions.billing.domain.plans import FREE, Meter
from functions.billing.domain.rejections import CustomerNotFound, TeamNotFound
from functions.billing.domain.team import OfTeam
from functions.billing.domain.views import Amount, PeriodView, UsageView
from functions.billing.ports import Applications, CreditNotes, Disputes, Invoices, MeasurementState, Payments, Plans, Subscribers, Usage
from functions.billing.services.access_control import AccessControl
from functions.billing.services.invoicing import Invoicing
from functions.kernel import Clock, Form, Model, Permission, Permit, query


class CurrentBill(OfTeam):
    """`limit`: of lines; 0 for none, which is faster. `cursor`: `next` of the previous answer."""

    application_id: UUID | None = None
    """Only lines of this application."""
    limit: Annotated[int, Field(ge=0, le=1000)] = 100
    cursor: Annotated[str, Form("^[0-9a-f-]{36}/[a-z0-9]{0,20}$", "`next` of a former response")] | None = None


class BillPlanView(Model):
    code: str
    version: int
    name: str
    fee: Amount


class BillChargeView(Model):
    """One meter over all applications. The included quantity counts once; of a meter without a price, all is included.

    `is_limit`: more than that is not sold, and nothing new starts when it is used.
    """

    meter: Meter
    quantity: int
    included: int
    billable: int
    amount: Amount
    is_limit: bool


class BillLineView(UsageView):
    """`application`: its name, also after it was deleted; null if Capsule created it before bills had names. `environment`: empty for
    data services, volumes and backups, which belong to the application.

    `cpu_measured_until`: CPU time of later moments is not contained yet. It follows the requests by some seconds.
    """

    application_id: UUID
    application: str | None
    is_deleted: bool
    environment: str
    cpu_measured_until: datetime | None
    amount: Amount


class BillAtPeriodEndView(Model):
    """What the invoice at the end of the period will contain, as of now. `total` = `usage` + `fee` − `credit`.

    `usage`: of this period so far, and of earlier periods as far as it is not on an invoice. `fee`: of the next period, for
    `plan`. `credit`: for time in which the plan was suspended. A total below the minimum charge is on a later invoice.
    """

    at: datetime
    plan: str
    usage: Amount
    fee: Amount
    credit: Amount
    total: Amount


class BillView(Model):
    """All lines together add up to the charges; `next` is the `cursor` of those that follow, null after the last ones. `total`, the
    cost of this period so far, is `advance` − `credited` + the charges.

    `advance`: fees on invoices for this period. `paid`: received for these invoices, which may contain usage of the period
    before. `credited`: credit notes of these invoices; `refunded`: the part that has been paid back. `disputed`: the part of `paid`
    that banks have demanded back and have. `due`: all open invoices, to pay now. `not_measured_since`: usage of later moments is not
    contained, because nothing measures it; null if it is measured.
    """

    customer_id: UUID
    period: PeriodView
    not_measured_since: datetime | None
    plan: BillPlanView
    lines: list[BillLineView]
    next: str | None = None
    charges: list[BillChargeView]
    advance: Amount
    paid: Amount
    credited: Amount
    refunded: Amount
    disputed: Amount
    due: Amount
    at_period_end: BillAtPeriodEndView
    total: Amount
    payments: Literal["on", "off"]
    """`off`: this installation takes no payments, and nothing is charged."""


@query(http="GET /v1/billing/current", permission=Permission.BILLING_READ, rejects=[TeamNotFound, CustomerNotFound])
async def current_bill(
    request: CurrentBill,
    control: AccessControl,
    permit: Permit,
    subscribers: Subscribers,
    plans: Plans,
    usage: Usage,
    invoices: Invoices,
    credit_notes: CreditNotes,
    payments: Payments,
    disputes: Disputes,
    invoicing: Invoicing,
    applications: Applications,
    measurement: MeasurementState,
    policy: PaymentPolicy,
    clock: Clock,
) -> BillView:
    subscriber = await subscribers.get(await control.to_team(permit, request.team_id))
    customer, subscription = subscriber.customer, subscriber.subscription
    plan = await plans.get(subscription.plan_code, subscription.plan_version)
    period = subscription.period_at(clock.now())
    if request.limit:
        bill = rate(plan, period, await usage.by_environment(customer.user_id, period))
    else:
        bill = rate_total(plan, period, await usage.total(customer.user_id, period))
    lines_of_page, following = _page(request, bill.lines)

    def money(minor: int) -> Amount:
        return Amount(amount=minor, currency=plan.fee.currency)

    issued = await invoices.list_for_period(customer.id, period)
    notes = [note for invoice in issued for note in await credit_notes.list_for_invoice(invoice.id)]
    charges_of_invoices = [payment.id for invoice in issued if (payment := await payments.get_last_attempt(invoice.id)) is not None]
    disputed = disputed_amount(await disputes.list_for_payments(charges_of_invoices))
    advance = sum(line.amount.amount for invoice in issued for line in invoice.lines if line.meter is None)
    charged = sum(charge.amount.amount for charge in bill.charges)
    next_plan = plan if subscription.suspended_at else await plans.get(*subscription.next_plan)
    fee_lines = [] if subscription.suspended_at else charges.fee_lines(next_plan, subscription.next_period)
    unbilled = [
        line for line in (await invoicing.unbilled_usage(subscriber.customer.user_id, subscription.id)).lines(period) if line.period != period
    ]
    used = charged + sum(line.amount.amount for line in unbilled)
    lines = [*fee_lines, InvoiceLine(LineKind.USAGE, "", 1, Money(used, plan.fee.currency), period)]
    credit = -sum(line.amount.amount for line in charges.credit_lines(subscription.credit_minor, lines, period))
    fee = sum(line.amount.amount for line in fee_lines)
    return BillView(
        customer_id=customer.id,
        period=PeriodView.of(period),
        not_measured_since=await measurement.missing_since(),
        plan=BillPlanView(code=plan.code, version=plan.version, name=plan.name, fee=Amount.of(plan.fee)),
        lines=_line_views(lines_of_page, await applications.get_many({line.usage.application_id for line in lines_of_page})),
        next=following,
        charges=_charge_views(bill),
        advance=money(advance),
        paid=money(sum(invoice.total.amount for invoice in issued if invoice.status is InvoiceStatus.PAID)),
        credited=money(credited_amount(notes)),
        refunded=money(credited_amount([note for note in notes if note.status is RefundStatus.SUCCEEDED])),
        disputed=money(disputed),
        due=money(sum(invoice.total.amount for invoice in await invoices.list_open(customer.id))),
        at_period_end=BillAtPeriodEndView(
            at=subscription.billed_until,
            plan=FREE if subscription.suspended_at else next_plan.code,
            usage=money(used),
            fee=money(fee),
            credit=money(credit),
            total=money(used + fee - credit),
        ),
        total=money(advance - credited_amount(notes) + charged),
        payments=policy.mode,
    )


def _page(request: CurrentBill, lines: Iterable[Line]) -> tuple[Sequence[Line], str | None]:
    """The lines of a page, and the cursor of the next ones. Lines are sorted by application and environment, as their cursors are."""
    found = [
        line
        for line in lines
        if (request.cursor is None or _cursor(line) > request.cursor) and request.application_id in (None, line.usage.application_id)
    ]
    page = found[: request.limit]
    return page, _cursor(page[-1]) if len(found) > len(page) > 0 else None


def _cursor(line: Line) -> str:
    return f"{line.usage.application_id}/{line.usage.environment}"


def _line_views(lines: Iterable[Line], applications: Mapping[UUID, Application]) -> list[BillLineView]:
    return [
        BillLineView(
            application_id=line.usage.application_id,
            application=known.name if (known := applications.get(line.usage.application_id)) else None,
            is_deleted=known is not None and known.is_deleted,
            environment=line.usage.environment,
            **UsageView.quantities(line.usage),
            cpu_measured_until=line.usage.cpu_until,
            amount=Amount.of(line.amount),
        )
        for line in lines
    ]


def _charge_views(bill: Bill) -> list[BillChargeView]:
    return [
        BillChargeView(
            meter=charge.meter,
            quantity=charge.quantity,
            included=charge.included,
            billable=charge.billable,
            amount=Amount.of(charge.amount),
            is_limit=bill.plan.is_limited(charge.meter),
        )
        for charge in bill.charges
    ]
