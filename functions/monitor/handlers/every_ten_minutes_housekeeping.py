"""Monitor's housekeeping: the runtime's sweep, room for the days to come, and the end of what has been kept long enough."""

from datetime import timedelta

from functions.kernel import Clock, Work, every
from functions.monitor.ports import Applications, Housekeeping, Retention, UnownedUsage

KEPT = {"log_lines": timedelta(days=14), "executions": timedelta(days=30), "request_windows": timedelta(days=90)}
UNOWNED_KEPT = timedelta(days=40)
"""As long as billing takes use that is late."""

AHEAD = timedelta(days=8)


@every("*/10 * * * *")
async def every_ten_minutes_housekeeping(
    housekeeping: Housekeeping, retention: Retention, applications: Applications, unowned: UnownedUsage, work: Work, clock: Clock
) -> None:
    await housekeeping.sweep()
    now = clock.now()
    async with work.recording():
        await retention.make_room(now - timedelta(days=1), now + AHEAD)
        for series, age in KEPT.items():
            await retention.drop(series, now - age)
        await applications.forget_destroyed(now - max(KEPT.values()))
        await unowned.forget(now - UNOWNED_KEPT)
