"""Show your plan, its limits and the last payment."""

from datetime import datetime
from uuid import UUID

from functions.billing.domain.invoices import Invoice
from functions.billing.domain.payments import Payment, PaymentStatus
from functions.billing.domain.plans import FREE
from functions.billing.domain.rejections import CustomerNotFound, TeamNotFound
from functions.billing.domain.subscriptions import Subscription, SubscriptionStatus
from functions.billing.domain.team import OfTeam
from functions.billing.domain.views import Amount, EntitlementsView, PeriodView
from functions.billing.ports import Invoices, Payments, Plans, Subscribers
from functions.billing.services.access_control import AccessControl
from functions.kernel import Clock, Model, Permission, Permit, query


class ShowSubscription(OfTeam):
    pass


class NextPlanView(Model):
    """A plan that starts at `begins_at` or, if `pending`, when `invoice_id` is paid."""

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
    """`allowed` is what may run now; while the subscription is suspended, that is what the free plan allows."""

    subscription_id: UUID
    plan: str
    version: int
    status: SubscriptionStatus
    since: datetime
    period: PeriodView
    fee: Amount
    allowed: EntitlementsView
    next: NextPlanView | None
    last_payment: PaymentView | None


@query(http="GET /v1/billing/subscription", permission=Permission.BILLING_READ, rejects=[TeamNotFound, CustomerNotFound])
async def subscription(
    request: ShowSubscription,
    control: AccessControl,
    permit: Permit,
    subscribers: Subscribers,
    plans: Plans,
    invoices: Invoices,
    payments: Payments,
    clock: Clock,
) -> SubscriptionView:
    subscriber = await subscribers.get(await control.to_team(permit, request.team_id))
    subscription = subscriber.subscription
    plan = await plans.get(subscription.plan_code, subscription.plan_version)
    is_suspended = subscription.status is SubscriptionStatus.SUSPENDED
    limiting_plan = await plans.get_offered(FREE, clock.now()) if is_suspended else plan
    last = await payments.get_latest(subscriber.customer.id)
    return SubscriptionView(
        subscription_id=subscription.id,
        plan=plan.code,
        version=plan.version,
        status=subscription.status,
        since=subscription.started_at,
        period=PeriodView.of(subscription.current_period),
        fee=Amount.of(plan.fee),
        allowed=EntitlementsView.of(limiting_plan.entitlements),
        next=_next_plan(subscription, await invoices.get_pending_upgrade(subscription.id)),
        last_payment=_payment(last) if last else None,
    )


def _next_plan(subscription: Subscription, pending_upgrade: Invoice | None) -> NextPlanView | None:
    if pending_upgrade is not None:
        return NextPlanView(plan=pending_upgrade.plan_code, pending=True, invoice_id=pending_upgrade.id)
    if subscription.next_plan_code is not None:
        return NextPlanView(plan=subscription.next_plan_code, pending=False, begins_at=subscription.billed_until)
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
