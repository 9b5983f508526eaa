"""Close log lines: move and index them."""

from functions.kernel import Order, Scale, Work, effect
from functions.monitor.domain.timers import LogClosingRequested
from functions.monitor.ports import Logs


@effect(order=Order.ANY, scale=Scale(max=1, concurrency=1))
async def on_log_closing_requested(event: LogClosingRequested, logs: Logs, work: Work) -> None:
    is_more_left = True
    while is_more_left:
        async with work.preparing():
            is_more_left = await logs.close()
    async with work.recording():
        pass  # a repeated message closes other lines or none
