"""A customer wants another plan: upwards as soon as it is paid for, downwards when the period ends."""

from typing import Annotated

from pydantic import Field

from events.billing import SubscriptionChanged
from functions.billing.domain import charges
from functions.billing.domain.answers import ChangeAccepted
from functions.billing.domain.facts import subscription_changed
from functions.billing.domain.invoices import Invoice, Purpose
from functions.billing.domain.payments import LEAST, Payment, PaymentRequested
from functions.billing.domain.plans import FREE
from functions.billing.domain.rejections import (
    AlreadySubscribed,
    ChangeUnderWay,
    CustomerNotFound,
    PaymentAccountMissing,
    PaymentMethodMissing,
    PaymentOverdue,
    PlanNotOffered,
    RenewalUnderWay,
)
from functions.billing.domain.subscriptions import Change
from functions.billing.ports import Customers, Invoices, Payments, Plans, Subscriptions
from functions.kernel import Caller, Clock, Done, FieldError, Model, command


class Subscribe(Model):
    """`payment_method` is the provider's name for it (`pm_…`), as its form in the browser gives it; without it, the one that was charged last."""

    plan: str
    payment_method: Annotated[str, Field(min_length=3, max_length=255, pattern=r"^[A-Za-z0-9_]+$")] | None = None


@command(
    http="POST /v1/billing/subscription",
    answers=202,
    rejects=[
        AlreadySubscribed,
        ChangeUnderWay,
        CustomerNotFound,
        PaymentAccountMissing,
        PaymentMethodMissing,
        PaymentOverdue,
        PlanNotOffered,
        RenewalUnderWay,
    ],
    emits=[PaymentRequested, SubscriptionChanged],
)
async def subscribe(
    asked: Subscribe,
    caller: Caller,
    customers: Customers,
    subscriptions: Subscriptions,
    plans: Plans,
    invoices: Invoices,
    payments: Payments,
    clock: Clock,
) -> Done[ChangeAccepted]:
    now = clock.now()
    customer = await customers.of_user(caller.user_id)
    subscription = await subscriptions.locked(customer.id) if customer else None
    if customer is None or subscription is None:
        raise CustomerNotFound
    if await invoices.under_way(subscription.id):
        raise ChangeUnderWay
    if await invoices.is_overdue(customer.id):
        raise PaymentOverdue
    try:
        plan = await plans.offered(asked.plan, now)
    except LookupError:
        raise PlanNotOffered(errors=[FieldError("/plan", "is not on offer")]) from None
    current = await plans.get(subscription.plan_code, subscription.plan_version)

    if subscription.change_to(plan, current, now) is Change.AT_PERIOD_END:
        subscription.change_later(plan)
        await subscriptions.save(subscription)
        changed = subscription_changed(subscription, customer, current, await plans.offered(FREE, now), now)
        return Done(ChangeAccepted.at_period_end(subscription, plan.code), changed)

    if not customer.may_pay:
        raise PaymentAccountMissing
    method = asked.payment_method or customer.payment_method
    if method is None:
        raise PaymentMethodMissing(errors=[FieldError("/paymentMethod", "is needed for the first payment")])
    period = subscription.first_period(now)
    lines = charges.upgrade(current, plan, subscription.running_period, period, now)
    invoice = Invoice.draft(Purpose.UPGRADE, customer.id, subscription.id, plan, period, lines, now)
    if invoice.total.amount < LEAST:
        raise RenewalUnderWay("What is left of the period is not worth a charge; ask again when it has ended.")
    await invoices.add(invoice)
    payment = Payment.intend(invoice, method, now)
    await payments.add(payment)
    return Done(ChangeAccepted.pending(subscription, invoice), PaymentRequested(payment_id=payment.id))
