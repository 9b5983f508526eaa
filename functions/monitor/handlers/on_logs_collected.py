"""Store log lines of applications and the platform's timeline."""

from dataclasses import replace
from datetime import datetime

from events.cluster import LogEntry, LogsCollected
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.domain.labels import PLATFORM_ID, Workload, is_platform, service_of, workload_of
from functions.monitor.domain.logs import LogLine
from functions.monitor.domain.sanitizing import bounded, plausible
from functions.monitor.domain.timeline import Execution, read
from functions.monitor.domain.timers import LogClosingRequested
from functions.monitor.ports import Executions, Logs

PLATFORM_WORKLOAD = Workload(PLATFORM_ID, "", None, "run")


@on(emits=[LogClosingRequested], order=Order.ANY, scale=Scale(max=3, queue_depth=50))
async def on_logs_collected(event: LogsCollected, logs: Logs, executions: Executions, clock: Clock) -> Done[None]:
    now = clock.now()
    lines: list[LogLine] = []
    done: list[Execution] = []
    for entry in event.entries:
        at = plausible(entry.at, now)
        if (workload := workload_of(entry.labels)) is not None:
            lines.append(_line(entry, workload, at))
        elif is_platform(entry.namespace, entry.labels):
            if executions_of_line := read(entry.line):
                done += (each if each.at <= now else replace(each, at=now) for each in executions_of_line)
            else:
                lines.append(_line(entry, PLATFORM_WORKLOAD, at))

    is_closing_due = await logs.add(sorted(lines, key=lambda line: line.at))
    await executions.add(done)
    return Done(None, LogClosingRequested()) if is_closing_due else Done(None)


def _line(entry: LogEntry, workload: Workload, at: datetime) -> LogLine:
    return LogLine(at, workload, bounded(entry.pod), bounded(entry.container), bounded(entry.stream), bounded(entry.line), service_of(entry.labels))
