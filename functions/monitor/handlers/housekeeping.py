"""Roll up metrics, create partitions, drop expired data and evaluate the rules that fire without data."""

from datetime import timedelta

from events.monitor import AlertFired, AlertResolved
from functions.kernel import Clock, Work, every
from functions.monitor.domain.timers import AlertCheckRequested, AlertDeliveryRequested
from functions.monitor.ports import (
    Alerts,
    Applications,
    Channels,
    DeadLetters,
    Deliveries,
    Housekeeping,
    Markers,
    Requests,
    Retention,
    Rollups,
    Rules,
    UnownedUsage,
    Vault,
)
from functions.monitor.services.silence import evaluate_silence

RAW_RETENTION = timedelta(days=3)
RETENTION = {
    "log_lines": timedelta(days=14),
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
CREATED_AHEAD = timedelta(days=8)


@every("*/10 * * * *", emits=[AlertFired, AlertResolved, AlertCheckRequested, AlertDeliveryRequested])
async def housekeeping(
    housekeeping: Housekeeping,
    retention: Retention,
    rollups: Rollups,
    applications: Applications,
    unowned: UnownedUsage,
    markers: Markers,
    alerts: Alerts,
    rules: Rules,
    requests: Requests,
    deliveries: Deliveries,
    letters: DeadLetters,
    channels: Channels,
    vault: Vault,
    work: Work,
    clock: Clock,
) -> None:
    await housekeeping.sweep()
    now = clock.now()
    async with work.preparing():  # summed up before the raw rows go; done again, it changes nothing
        await rollups.roll(since=now - RAW_RETENTION + timedelta(hours=1))
    async with work.recording() as record:
        await retention.create_partitions(now - timedelta(days=1), now + CREATED_AHEAD)
        for series, age in RETENTION.items():
            await retention.drop(series, now - age)
        await applications.forget_deleted(now - max(ALERT_RETENTION, RETENTION["log_lines"]))
        await unowned.forget(now - UNOWNED_USAGE_RETENTION)
        await markers.forget(now - max(RETENTION.values()))
        await alerts.forget(now - ALERT_RETENTION)
        await deliveries.forget(now - DELIVERY_RETENTION)
        await letters.forget(now - ALERT_RETENTION)
        await channels.seal(vault.seal)
        record.emit(*await evaluate_silence(rules, requests, alerts, applications, now))
