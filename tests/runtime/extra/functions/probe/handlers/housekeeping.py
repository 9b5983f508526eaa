"""What every context tidies."""

from functions.probe.ports import Housekeeping

from functions.kernel import every


@every("*/10 * * * *")
async def housekeeping(housekeeping: Housekeeping) -> None:
    await housekeeping.sweep()
