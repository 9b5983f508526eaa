"""Add measured usage to the hour in which its window began.

Each record counts once, however often it is delivered. If the plan charges nothing beyond what it includes, its thresholds
are checked.
"""

from events.billing import UsageAllowanceChanged, UsageThresholdReached
from events.monitor import UsageMeasured
from functions.billing.domain.applications import Application
from functions.billing.domain.usage import UsageRecord
from functions.billing.ports import Applications, Customers, Subscriptions, Usage
from functions.billing.services.usage_limits import UsageLimits
from functions.kernel import Clock, Done, Order, on


@on(emits=[UsageAllowanceChanged, UsageThresholdReached], order=Order.ANY)
async def on_usage_measured(
    event: UsageMeasured,
    applications: Applications,
    customers: Customers,
    subscriptions: Subscriptions,
    usage: Usage,
    limits: UsageLimits,
    clock: Clock,
) -> Done[None]:
    owner = await usage.owner_at(event.application_id, event.window_from)
    record = UsageRecord(
        id=event.usage_id,
        user_id=owner or event.user_id,
        application_id=event.application_id,
        environment=event.environment,
        begin=event.window_from,
        end=event.window_to,
        requests=event.requests,
        cpu_milliseconds=event.cpu_milliseconds,
    )
    now = clock.now()
    record.check(now)
    if event.application:
        await applications.save([Application.used(event.application_id, event.application)])
    customer = await customers.get_by_user(record.user_id)
    # the lock comes before the record: of two records at once, the second one sees the sum of both
    subscription = await subscriptions.lock(customer.id) if customer is not None else None
    if not await usage.record(record) or customer is None or subscription is None:
        return Done(None)
    return Done(None, *await limits.review(customer, subscription, now))
