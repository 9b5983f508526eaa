"""End the log of a failed build with its reason."""

from events.deployments import BuildFailed
from functions.kernel import Done, Order, Scale, on
from functions.monitor.domain.logs import end_of_build
from functions.monitor.domain.timers import LogClosingRequested
from functions.monitor.ports import Logs


@on(emits=[LogClosingRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_build_failed(event: BuildFailed, logs: Logs) -> Done[None]:
    if event.is_logged:
        return Done(None)
    # The builder writes its own last line. A step that is another's program, an evicted pod and a missing image leave none, and readers wait for it.
    is_closing_due = await logs.add([end_of_build(event)])
    return Done(None, LogClosingRequested()) if is_closing_due else Done(None)
