"""Add measured usage to the hour in which its window began.

Each record counts once, however often it is delivered.
"""

from events.monitor import UsageMeasured
from functions.billing.domain.usage import UsageRecord
from functions.billing.ports import Usage
from functions.kernel import Clock, Done, Order, on


@on(order=Order.ANY)
async def on_usage_measured(event: UsageMeasured, usage: Usage, clock: Clock) -> Done[None]:
    record = UsageRecord(
        id=event.usage_id,
        user_id=event.user_id,
        application_id=event.application_id,
        environment=event.environment,
        begin=event.window_from,
        end=event.window_to,
        requests=event.requests,
        cpu_milliseconds=event.cpu_milliseconds,
    )
    record.check(clock.now())
    await usage.record(record)
    return Done(None)
