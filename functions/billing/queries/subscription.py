"""A customer's plan: what it allows, what comes next, and how the last payment went."""

from datetime import datetime
from uuid import UUID

from functions.billing.domain.answers import AllowedView, Amount, BillPeriod
from functions.billing.domain.invoices import Invoice
from functions.billing.domain.payments import Payment, PaymentStatus
from functions.billing.domain.plans import FREE
from functions.billing.domain.rejections import CustomerNotFound
from functions.billing.domain.subscriptions import Status, Subscription
from functions.billing.ports import Customers, Invoices, Payments, Plans, Subscriptions
from functions.kernel import Caller, Clock, Model, query


class ShowSubscription(Model):
    pass


class NextPlan(Model):
    """Begins at `begins_at`; with `pending`, as soon as `invoice_id` is paid."""

    plan: str
    pending: bool
    begins_at: datetime | None = None
    invoice_id: UUID | None = None


class PaymentView(Model):
    payment_id: UUID
    invoice_id: UUID
    status: PaymentStatus
    amount: Amount
    reason: str | None
    detail: str | None
    retry_at: datetime | None
    at: datetime


class SubscriptionView(Model):
    """`allowed` is what may run now: less than the plan's while the subscription is suspended."""

    subscription_id: UUID
    plan: str
    version: int
    status: Status
    since: datetime
    period: BillPeriod
    fee: Amount
    allowed: AllowedView
    next: NextPlan | None
    last_payment: PaymentView | None


@query(http="GET /v1/billing/subscription", rejects=[CustomerNotFound])
async def subscription(
    asked: ShowSubscription,
    caller: Caller,
    customers: Customers,
    subscriptions: Subscriptions,
    plans: Plans,
    invoices: Invoices,
    payments: Payments,
    clock: Clock,
) -> SubscriptionView:
    customer = await customers.of_user(caller.user_id)
    running = await subscriptions.running(customer.id) if customer else None
    if customer is None or running is None:
        raise CustomerNotFound

    plan = await plans.get(running.plan_code, running.plan_version)
    counts = await plans.offered(FREE, clock.now()) if running.status is Status.SUSPENDED else plan
    last = await payments.latest(customer.id)
    return SubscriptionView(
        subscription_id=running.id,
        plan=plan.code,
        version=plan.version,
        status=running.status,
        since=running.started_at,
        period=BillPeriod.of(running.running_period),
        fee=Amount.of(plan.fee),
        allowed=AllowedView.of(counts.entitlements),
        next=_next(running, await invoices.under_way(running.id)),
        last_payment=_payment(last) if last else None,
    )


def _next(running: Subscription, under_way: Invoice | None) -> NextPlan | None:
    if under_way is not None:
        return NextPlan(plan=under_way.plan_code, pending=True, invoice_id=under_way.id)
    if running.next_plan_code is not None:
        return NextPlan(plan=running.next_plan_code, pending=False, begins_at=running.billed_until)
    return None


def _payment(payment: Payment) -> PaymentView:
    return PaymentView(
        payment_id=payment.id,
        invoice_id=payment.invoice_id,
        status=payment.status,
        amount=Amount.of(payment.amount),
        reason=payment.failure_code,
        detail=payment.failure_message,
        retry_at=payment.retry_at,
        at=payment.settled_at or payment.created_at,
    )
