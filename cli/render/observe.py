"""Log lines, metrics, and the timeline of one request."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from cli.render.formats import NONE, age, count, cpu_seconds, local_time
from cli.render.printable import printable
from cli.render.tables import Column, Prose, Table, wrap_words

Json = Mapping[str, Any]
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GOOD_OUTCOMES = ("done", "published", "sent", "ok")
BAR_WIDTH = 30


def log_line(line: Json) -> Text:
    at = datetime.fromisoformat(line["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    part = line["component"] if line["component"] != "run" else "" if line.get("process") in ("web", "", None) else line["process"]
    source = f"{line['environment']} {part}".rstrip()
    is_error_output = line["stream"] == "stderr" and line["component"] == "run"
    return Text.assemble((f"{at} {source} ", "dim"), (printable(line["line"]), "red" if is_error_output else ""))


def metrics(view: Json, minutes: int) -> RenderableType:
    """Return the totals of the last `minutes`, a table of the intervals with traffic, and the deployments."""
    total = view["total"]
    latency = f"p50 {milliseconds(total['p50LatencyMs'])}, p95 {milliseconds(total['p95LatencyMs'])}"
    summary = Text(f"{count(total['requests'])} requests", "bold")
    summary = Text.assemble(summary, f" in the last {span(minutes)}, {latency}, CPU {cpu_seconds(total['cpuMilliseconds'])} s  ")
    until = view["measuredUntil"]
    measured = f"Measured until {local_time(until)}." if until else "Nothing was measured yet."
    table = _points(view["points"])
    markers = [Prose(marker(each)) for each in view["markers"]]
    newest = Prose(f"{measured} Requests appear within seconds.")
    return Group(Prose(Text.assemble(summary, statuses(total["byStatus"]))), newest, *([table] if table.rows else []), *markers)


def span(minutes: int) -> str:
    if minutes % 1440 == 0 and minutes > 1440:
        return f"{minutes // 1440} days"
    return f"{minutes // 60} hours" if minutes % 60 == 0 and minutes > 60 else f"{minutes} minutes"


def marker(marker: Json) -> Text:
    style = {"deployment-failed": "red", "deployment-rolled-back": "yellow"}.get(marker["kind"], "green")
    text = Text(f"{age(marker['at'])}  ").append(marker["kind"], style).append(f" in {marker['environment']}")
    return text.append(f": {marker['reason']}") if marker["reason"] else text


def milliseconds(value: float | None) -> str:
    return NONE if value is None else f"{value:,.1f} ms"


def memory(value: int | None) -> str:
    return NONE if value is None else f"{value / 2**20:.0f} MiB"


def statuses(by_status: Json) -> Text:
    text = Text()
    for name, number in sorted(by_status.items()):
        style = {"5": "red", "4": "yellow"}.get(name[:1], "green")
        text.append(f"{name} {count(number)}  ", style)
    text.rstrip()
    return text


class Timeline:
    """What happened because of one request, in order. Depth shows causes; what a step emitted follows it, on the same line if it fits."""

    def __init__(self, view: Json) -> None:
        self.view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        begin = datetime.fromisoformat(self.view["begin"])
        yield Text(f"correlation id {self.view['correlationId']}")
        yield Text("      at      took", "dim")
        for entry in self.view["entries"]:
            yield from _entry_lines(entry, begin, options.max_width)


def _entry_lines(entry: Json, begin: datetime, max_width: int) -> Iterator[Text]:
    after_seconds = (datetime.fromisoformat(entry["at"]) - begin).total_seconds()
    line = Text(f"{after_seconds:6.3f} s {entry['durationMs']:6.0f} ms  ", "dim")
    indent = line.cell_len + 2 * entry["depth"]
    line = Text.assemble(line, "  " * entry["depth"] + f"{entry['kind']} ", (UUID.sub("…", entry["name"]), "bold"))
    if entry["cold"]:
        line.append(" (cold)", "blue")
    if entry["outcome"] not in GOOD_OUTCOMES and entry["outcome"][:1] not in "23":
        line.append(f" {entry['outcome']}", "yellow")
    emitted = Text("→ " + ", ".join(entry["emitted"]), "green") if entry["emitted"] else Text("")
    if not emitted or line.cell_len + 1 + emitted.cell_len <= max_width:
        yield Text.assemble(line, " ", emitted) if emitted else line
        return
    yield line
    indent = min(indent, max_width // 2)
    for part in wrap_words(emitted, max_width - indent):
        yield Text(" " * indent) + part


def _points(points: Sequence[Json]) -> Table:
    table = Table(
        Column("at"),
        Column("requests", is_right=True),
        Column("p50", drop=2, is_right=True),
        Column("p95", is_right=True),
        Column("CPU seconds", drop=4, is_right=True),
        Column("memory", drop=3, is_right=True),
        Column("statuses", drop=1),
        Column("", drop=5),
    )
    max_requests = max((point["requests"] for point in points), default=0)
    for point in points:
        if point["requests"] or point["cpuMilliseconds"]:
            length = max(1, round(BAR_WIDTH * point["requests"] / max_requests)) if point["requests"] else 0
            table.add_row(
                datetime.fromisoformat(point["at"]).astimezone().strftime("%m-%d %H:%M"),
                count(point["requests"]),
                milliseconds(point["p50LatencyMs"]),
                milliseconds(point["p95LatencyMs"]),
                cpu_seconds(point["cpuMilliseconds"]),
                memory(point["memoryMaxBytes"]),
                statuses(point["byStatus"]),
                Text("▇" * length, "cyan"),
            )
    return table
