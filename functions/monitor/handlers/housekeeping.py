"""Monitor's housekeeping: the runtime's sweep, figures summed up by minute and hour, room for the days to come, and the end of what has been kept
long enough."""

from datetime import timedelta

from functions.kernel import Clock, Work, every
from functions.monitor.ports import (
    Alerts,
    Applications,
    Channels,
    DeadLetters,
    Deliveries,
    Housekeeping,
    Markers,
    Retention,
    Rollups,
    UnownedUsage,
    Vault,
)

RAW_KEPT = timedelta(days=3)
KEPT = {
    "log_lines": timedelta(days=14),
    "executions": timedelta(days=30),
    "request_windows": RAW_KEPT,
    "resource_windows": RAW_KEPT,
    "request_minutes": timedelta(days=30),
    "resource_minutes": timedelta(days=30),
    "request_hours": timedelta(days=400),
    "resource_hours": timedelta(days=400),
}
UNOWNED_KEPT = timedelta(days=40)
"""As long as billing takes use that is late."""
ALERTS_KEPT = timedelta(days=90)
DELIVERIES_KEPT = timedelta(days=30)
AHEAD = timedelta(days=8)


@every("*/10 * * * *")
async def housekeeping(
    housekeeping: Housekeeping,
    retention: Retention,
    rollups: Rollups,
    applications: Applications,
    unowned: UnownedUsage,
    markers: Markers,
    alerts: Alerts,
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
        await rollups.roll(since=now - RAW_KEPT + timedelta(hours=1))
    async with work.recording():
        await retention.make_room(now - timedelta(days=1), now + AHEAD)
        for series, age in KEPT.items():
            await retention.drop(series, now - age)
        await applications.forget_deleted(now - max(ALERTS_KEPT, KEPT["log_lines"]))
        await unowned.forget(now - UNOWNED_KEPT)
        await markers.forget(now - max(KEPT.values()))
        await alerts.forget(now - ALERTS_KEPT)
        await deliveries.forget(now - DELIVERIES_KEPT)
        await letters.forget(now - ALERTS_KEPT)
        await channels.seal(vault.seal)
