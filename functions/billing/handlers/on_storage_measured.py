"""Add storage to the hour in which its window began.

It has no environment: data services, volumes and backups belong to the application. Each record counts once, as other usage.
"""

from events.billing import UsageAllowanceChanged, UsageThresholdReached
from events.storage import StorageMeasured
from functions.billing.domain.usage import UsageRecord
from functions.billing.services.usage_recorder import UsageRecorder
from functions.kernel import Clock, Done, Order, on


@on(emits=[UsageAllowanceChanged, UsageThresholdReached], order=Order.ANY)
async def on_storage_measured(event: StorageMeasured, recorder: UsageRecorder, clock: Clock) -> Done[None]:
    record = UsageRecord(
        id=event.usage_id,
        user_id=await recorder.payer(event.application_id, event.window_from, event.user_id),
        application_id=event.application_id,
        environment="",
        begin=event.window_from,
        end=event.window_to,
        database_mib_seconds=event.database_mib_seconds,
        redis_mib_seconds=event.redis_mib_seconds,
        volume_mib_seconds=event.volume_mib_seconds,
        backup_mib_seconds=event.backup_mib_seconds,
    )
    return Done(None, *await recorder.add(record, event.application, clock.now()))
