"""Undo a scheduled cancellation or downgrade."""

from events.billing import SubscriptionChanged
from functions.billing.domain.plans import FREE
from functions.billing.domain.rejections import CustomerNotFound, NothingToResume, TeamNotFound
from functions.billing.domain.team import OfTeam
from functions.billing.domain.views import SubscriptionChangeView
from functions.billing.ports import Plans, Subscribers, Subscriptions
from functions.billing.services.access_control import AccessControl
from functions.kernel import Clock, Done, Permission, Permit, command


class ResumeSubscription(OfTeam):
    pass


@command(
    http="POST /v1/billing/subscription/resume",
    permission=Permission.BILLING_WRITE,
    rejects=[TeamNotFound, CustomerNotFound, NothingToResume],
    emits=[SubscriptionChanged],
)
async def resume_subscription(
    request: ResumeSubscription,
    control: AccessControl,
    permit: Permit,
    subscribers: Subscribers,
    subscriptions: Subscriptions,
    plans: Plans,
    clock: Clock,
) -> Done[SubscriptionChangeView]:
    now = clock.now()
    subscriber = await subscribers.lock(await control.to_team(permit, request.team_id))
    subscription, free = subscriber.subscription, await plans.get_offered(FREE, now)
    current = await plans.get(subscription.plan_code, subscription.plan_version)

    events = subscriber.resume(current, free, now)

    await subscriptions.save(subscription)
    return Done(SubscriptionChangeView.done(subscription), *events)
