"""Cancel your paid plan.

Takes effect when the paid period ends; immediately if the subscription is suspended. An unpaid invoice is then replaced
by a final one, which contains the time that was served and the usage. The answer says what is owed.
"""

from events.billing import InvoiceIssued, InvoiceVoided, SubscriptionChanged
from functions.billing.domain.plans import FREE
from functions.billing.domain.rejections import ChangeInProgress, CustomerNotFound, NothingToCancel, RenewalInProgress, TeamNotFound
from functions.billing.domain.subscriptions import ChangeTiming
from functions.billing.domain.team import OfTeam
from functions.billing.domain.views import CancellationView
from functions.billing.ports import Invoices, Plans, Subscribers, Subscriptions
from functions.billing.services.access_control import AccessControl
from functions.billing.services.invoicing import Invoicing
from functions.kernel import Change, Clock, Done, Events, Permission, Permit, command


class CancelSubscription(OfTeam):
    pass


@command(
    http="DELETE /v1/billing/subscription",
    permission=Permission.BILLING_WRITE,
    rejects=[TeamNotFound, ChangeInProgress, CustomerNotFound, NothingToCancel, RenewalInProgress],
    emits=[InvoiceIssued, InvoiceVoided, SubscriptionChanged],
)
async def cancel_subscription(
    request: CancelSubscription,
    control: AccessControl,
    permit: Permit,
    subscribers: Subscribers,
    subscriptions: Subscriptions,
    plans: Plans,
    invoices: Invoices,
    invoicing: Invoicing,
    clock: Clock,
) -> Done[CancellationView]:
    now = clock.now()
    subscriber = await subscribers.lock(await control.to_team(permit, request.team_id))
    customer, subscription, free = subscriber.customer, subscriber.subscription, await plans.get_offered(FREE, now)
    current = await plans.get(subscription.plan_code, subscription.plan_version)
    period, suspended_at = subscription.current_period, subscription.suspended_at

    timing, events = subscriber.cancel(current, free, now)

    final_events: Events = ()
    if timing is ChangeTiming.NOW and suspended_at is not None:
        if await invoicing.has_pending_payment(customer.id):
            raise ChangeInProgress("A payment is in progress. Cancel again when it has an outcome.")
        final_events, _ = await invoicing.end_plan(customer, subscription, current, period, suspended_at, now)
    await subscriptions.save(subscription)
    view = CancellationView.of(subscription, timing, await invoices.list_open(customer.id), free.fee.currency)
    return Done(view, *final_events, *events, change=Change({"plan": current.code}, {"plan": free.code}))
