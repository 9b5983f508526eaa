"""Add measured usage to the hour in which its window began.

Each record counts once, however often it is delivered. If the plan charges nothing beyond what it includes, its thresholds
are checked.
"""

from events.billing import UsageAllowanceChanged, UsageThresholdReached
from events.monitor import UsageMeasured
from functions.billing.domain.usage import UsageRecord
from functions.billing.services.usage_recorder import UsageRecorder
from functions.kernel import Clock, Done, Order, on


@on(emits=[UsageAllowanceChanged, UsageThresholdReached], order=Order.ANY)
async def on_usage_measured(event: UsageMeasured, recorder: UsageRecorder, clock: Clock) -> Done[None]:
    record = UsageRecord(
        id=event.usage_id,
        user_id=await recorder.payer(event.application_id, event.window_from, event.user_id),
        application_id=event.application_id,
        environment=event.environment,
        begin=event.window_from,
        end=event.window_to,
        requests=event.requests,
        cpu_milliseconds=event.cpu_milliseconds,
    )
    return Done(None, *await recorder.add(record, event.application, clock.now()))
