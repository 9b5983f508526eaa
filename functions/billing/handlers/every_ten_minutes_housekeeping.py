"""Billing's housekeeping: the runtime's sweep, and ids of usage records that are too old to come again."""

from functions.billing.domain.usage import IDS_KEPT
from functions.billing.ports import Housekeeping, Usage
from functions.kernel import Clock, Work, every


@every("*/10 * * * *")
async def every_ten_minutes_housekeeping(housekeeping: Housekeeping, usage: Usage, clock: Clock, work: Work) -> None:
    await housekeeping.sweep()
    async with work.recording():
        await usage.forget_ids(clock.now() - IDS_KEPT)
