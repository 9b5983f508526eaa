"""Change your plan.

Upgrades start after their payment, downgrades when the paid period ends.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from events.billing import SubscriptionChanged
from functions.billing.domain import charges
from functions.billing.domain.invoices import Invoice, Purpose
from functions.billing.domain.payment_methods import PaymentMethodId
from functions.billing.domain.payment_policy import PaymentPolicy
from functions.billing.domain.payments import MIN_CHARGE_MINOR, Payment, PaymentRequested
from functions.billing.domain.plans import FREE
from functions.billing.domain.rejections import (
    AlreadySubscribed,
    ChangeInProgress,
    CustomerNotFound,
    PaymentAccountMissing,
    PaymentMethodMissing,
    PaymentOverdue,
    PaymentsOff,
    PlanNotOffered,
    RenewalInProgress,
    TeamNotFound,
)
from functions.billing.domain.subscriptions import ChangeTiming
from functions.billing.domain.team import OfTeam
from functions.billing.domain.views import SubscriptionChangeView
from functions.billing.ports import Invoices, Payments, Plans, Subscribers, Subscriptions
from functions.billing.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, FieldError, Permission, Permit, Text, command


class Subscribe(OfTeam):
    plan: Text
    payment_method: Annotated[
        PaymentMethodId | None, Field(description="Id of a payment method at the provider (`pm_…`). Default: the one that was charged last.")
    ] = None


class SubscriptionChangeAccepted(SubscriptionChangeView):
    """The operation is the payment that a `pending` change waits for; a scheduled change has none. GET /v1/billing/subscription has the outcome."""

    operation_id: UUID | None = None


@command(
    http="POST /v1/billing/subscription",
    permission=Permission.BILLING_WRITE,
    status=202,
    rejects=[
        TeamNotFound,
        AlreadySubscribed,
        ChangeInProgress,
        CustomerNotFound,
        PaymentAccountMissing,
        PaymentMethodMissing,
        PaymentOverdue,
        PaymentsOff,
        PlanNotOffered,
        RenewalInProgress,
    ],
    emits=[PaymentRequested, SubscriptionChanged],
)
async def subscribe(
    request: Subscribe,
    control: AccessControl,
    permit: Permit,
    subscribers: Subscribers,
    subscriptions: Subscriptions,
    plans: Plans,
    invoices: Invoices,
    payments: Payments,
    policy: PaymentPolicy,
    clock: Clock,
) -> Done[SubscriptionChangeAccepted]:
    now = clock.now()
    subscriber = await subscribers.lock(await control.to_team(permit, request.team_id))
    customer, subscription = subscriber.customer, subscriber.subscription
    if await invoices.get_pending_upgrade(subscription.id):
        raise ChangeInProgress
    if await invoices.has_open(customer.id):
        raise PaymentOverdue
    try:
        plan = await plans.get_offered(request.plan, now)
    except LookupError:
        codes = ", ".join(each.code for each in await plans.list_offered(now))
        raise PlanNotOffered(f'There is no plan "{request.plan}". Plans: {codes}.', errors=[FieldError("/plan", f"must be one of {codes}")]) from None
    current = await plans.get(subscription.plan_code, subscription.plan_version)
    change = Change({"plan": current.code}, {"plan": plan.code})

    if subscription.timing_of(plan, current, now) is ChangeTiming.AT_PERIOD_END:
        events = subscriber.schedule_plan(plan, current, await plans.get_offered(FREE, now), now)
        await subscriptions.save(subscription)
        return Done(SubscriptionChangeAccepted.scheduled(subscription, plan.code), *events, change=change)

    policy.require()
    if not customer.can_pay:
        raise PaymentAccountMissing
    payment_method = request.payment_method or customer.payment_method
    if payment_method is None:
        raise PaymentMethodMissing(errors=[FieldError("/paymentMethod", "is required for the first payment")])
    period = subscription.upgrade_period(now)
    lines = charges.upgrade_lines(current, plan, subscription.current_period, period, now)
    invoice = Invoice.draft(Purpose.UPGRADE, customer.id, subscription.id, plan, period, lines, now)
    if invoice.total.amount < MIN_CHARGE_MINOR:
        raise RenewalInProgress(f"The rest of this period costs {invoice.total}, which is too little to charge. Try again after the period ends.")
    await invoices.add(invoice)
    payment, events = Payment.create(invoice, payment_method, now)
    await payments.add(payment)
    accepted = SubscriptionChangeAccepted.pending(subscription, invoice).model_copy(update={"operation_id": payment.id})
    return Done(accepted, *events, change=change)
