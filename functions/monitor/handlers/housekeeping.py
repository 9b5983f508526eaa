"""Roll up metrics, drop expired data and evaluate silence.

Closes log lines, creates the next partitions, erases what deleted teams have left, and again what has arrived for deleted users. Silence: rules
that fire without data, which nothing else evaluates.
"""

from datetime import timedelta

from events.monitor import AlertFired, AlertResolved, MeasurementInterrupted, WebhookDeliveryRequested
from functions.kernel import Clock, Work, every
from functions.kernel.sagas import STUCK_AFTER
from functions.monitor.domain.timers import AlertCheckRequested, AlertDeliveryRequested
from functions.monitor.ports import (
    Alerts,
    Applications,
    Channels,
    DeadLetters,
    Deliveries,
    Erasures,
    Housekeeping,
    Logs,
    Markers,
    Requests,
    Retention,
    Rollups,
    Rules,
    UnownedUsage,
    Vault,
    WebhookDeliveries,
)
from functions.monitor.services.erasure import Erasure
from functions.monitor.services.measurement import Measurement
from functions.monitor.services.silence import evaluate_silence

RAW_RETENTION = timedelta(days=3)
RETENTION = {
    "log_lines": timedelta(days=14),
    "log_blocks": timedelta(days=14),
    "executions": timedelta(days=30),
    "request_windows": RAW_RETENTION,
    "resource_windows": RAW_RETENTION,
    "request_minutes": timedelta(days=30),
    "resource_minutes": timedelta(days=30),
    "request_hours": timedelta(days=400),
    "resource_hours": timedelta(days=400),
}
UNOWNED_USAGE_RETENTION = timedelta(days=40)
"""As long as billing takes use that is late."""
ALERT_RETENTION = timedelta(days=90)
DELIVERY_RETENTION = timedelta(days=30)
ERASURE_PERIOD = timedelta(days=2)
"""How long data of a deleted user may still arrive: the applications are being deleted."""
TRANSFER_NOTICE = timedelta(hours=1)
"""How long after the deletion of a team an event may arrive that says that one of its applications had moved away."""
CREATED_AHEAD = timedelta(days=8)
DELETED_DELIVERIES = 1_000
"""Deliveries of webhooks that one transaction deletes."""
MAX_OVERDUE = 100
"""Webhook deliveries with a lost request, requested again at a time."""


@every(
    "*/10 * * * *",
    emits=[AlertFired, AlertResolved, AlertCheckRequested, AlertDeliveryRequested, MeasurementInterrupted, WebhookDeliveryRequested],
)
async def housekeeping(
    housekeeping: Housekeeping,
    retention: Retention,
    logs: Logs,
    rollups: Rollups,
    applications: Applications,
    unowned: UnownedUsage,
    markers: Markers,
    alerts: Alerts,
    rules: Rules,
    requests: Requests,
    deliveries: Deliveries,
    webhook_deliveries: WebhookDeliveries,
    letters: DeadLetters,
    channels: Channels,
    erasures: Erasures,
    erasure: Erasure,
    measurement: Measurement,
    vault: Vault,
    work: Work,
    clock: Clock,
) -> None:
    await housekeeping.sweep()
    now = clock.now()
    is_more_left = True
    while is_more_left:
        async with work.preparing():
            is_more_left = await logs.close()
    async with work.preparing():  # summed up before the raw rows go; done again, it changes nothing
        await rollups.roll(since=now - RAW_RETENTION + timedelta(hours=1))
    async with work.reading():
        deleted_owners = await erasures.list_between(now - ERASURE_PERIOD, now - TRANSFER_NOTICE)
    for user_id in deleted_owners:
        await erasure.erase(user_id, work)
    deleted = DELETED_DELIVERIES
    while deleted == DELETED_DELIVERIES:
        async with work.preparing():
            deleted = await webhook_deliveries.delete_finished(now - DELIVERY_RETENTION, DELETED_DELIVERIES)
    async with work.recording() as record:
        await retention.create_partitions(now - timedelta(days=1), now + CREATED_AHEAD)
        for series, age in RETENTION.items():
            await retention.drop(series, now - age)
        await applications.forget_deleted(now - max(ALERT_RETENTION, RETENTION["log_lines"]))
        await unowned.forget(now - UNOWNED_USAGE_RETENTION)
        await markers.forget(now - max(RETENTION.values()))
        await alerts.forget(now - ALERT_RETENTION)
        await deliveries.forget(now - DELIVERY_RETENTION)
        for delivery in await webhook_deliveries.list_overdue(now - STUCK_AFTER, MAX_OVERDUE):
            record.emit(delivery.next_request())
        await letters.forget(now - ALERT_RETENTION)
        await erasures.forget(now - ALERT_RETENTION)
        await channels.seal(vault.seal)
        record.emit(*await measurement.find_silence(now))
        record.emit(*await evaluate_silence(rules, requests, alerts, applications, now))
