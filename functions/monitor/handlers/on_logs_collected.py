"""Lines of applications become their logs; lines that the platform's functions and gateway write about their work become timelines.

Lines are kept whether or not it is known yet whose the application is. This function's own pod is not collected, so it cannot feed itself.
"""

from dataclasses import replace

from events.cluster import LogsCollected
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.domain.intake import bounded, plausible
from functions.monitor.domain.labels import is_platform, workload_of
from functions.monitor.domain.logs import LogLine
from functions.monitor.domain.timeline import Execution, read
from functions.monitor.ports import Executions, Logs


@on(order=Order.ANY, scale=Scale(max=3))
async def on_logs_collected(event: LogsCollected, logs: Logs, executions: Executions, clock: Clock) -> Done[None]:
    now = clock.now()
    lines: list[LogLine] = []
    done: list[Execution] = []
    for entry in event.entries:
        at = plausible(entry.at, now)
        if (workload := workload_of(entry.labels)) is not None:
            lines.append(LogLine(at, workload, bounded(entry.pod), bounded(entry.container), bounded(entry.stream), bounded(entry.line)))
        elif is_platform(entry.namespace, entry.labels) and (execution := read(entry.line)) is not None:
            done.append(replace(execution, at=plausible(execution.at, now)))

    await logs.add(sorted(lines, key=lambda line: line.at))
    await executions.add(done)
    return Done(None)
