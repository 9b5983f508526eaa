"""Log lines, metrics, and the timeline of one request."""

import re
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.render.words import duration, grid, moment

Json = dict[str, Any]
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GOOD = ("done", "published", "sent", "ok")
BAR = 30


def log_line(line: Json) -> Text:
    at = datetime.fromisoformat(line["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    where = line["environment"] if line["component"] == "run" else f"{line['environment']} {line['component']}"
    return Text(f"{at} {where} ", "dim") + Text(line["line"], "red" if line["stream"] == "stderr" and line["component"] == "run" else "")


def metrics(found: Json) -> RenderableType:
    total = found["total"]
    table = grid("at", "requests", "p50", "p95", "CPU", "memory", "statuses", "", right=("requests", "p50", "p95", "CPU", "memory"))
    most = max((point["requests"] for point in found["points"]), default=0)
    for point in found["points"]:
        if point["requests"] or point["cpuMilliseconds"]:
            bar = Text("▇" * (max(1, round(BAR * point["requests"] / most)) if point["requests"] else 0), "cyan")
            latencies = [milliseconds(point[name]) for name in ("p50LatencyMs", "p95LatencyMs")]
            used = [cpu(point["cpuMilliseconds"]), memory(point["memoryMaxBytes"])]
            table.add_row(moment(point["at"]), str(point["requests"]), *latencies, *used, statuses(point["byStatus"]), bar)
    said = Text(f"{total['requests']} requests", "bold").append(f" in {duration(_span(found))}", "none")
    said.append(
        f", p50 {milliseconds(total['p50LatencyMs'])}, p95 {milliseconds(total['p95LatencyMs'])}, CPU {cpu(total['cpuMilliseconds'])}  ", "none"
    )
    markers = [marker(each) for each in found["markers"]]
    return Group(said + statuses(total["byStatus"]), *([table] if table.rows else []), *markers)


def marker(marker: Json) -> Text:
    style = {"deployment-failed": "red", "deployment-rolled-back": "yellow"}.get(marker["kind"], "green")
    said = Text(f"{moment(marker['at'])} ").append(marker["kind"], style).append(f" in {marker['environment']}")
    return said.append(f": {marker['reason']}") if marker["reason"] else said


def milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms"


def cpu(value: float) -> str:
    return f"{value / 1000:.2f} s"


def memory(value: int | None) -> str:
    return "–" if value is None else f"{value / 2**20:.0f} MiB"


def statuses(by_status: Json) -> Text:
    said = Text()
    for name, count in sorted(by_status.items()):
        style = {"5": "red", "4": "yellow"}.get(name[:1], "green")
        said.append(f"{name} {count}  ", style)
    return said


def timeline(found: Json) -> RenderableType:
    begin = datetime.fromisoformat(found["begin"])
    lines: list[RenderableType] = [Text(f"request {found['correlationId']}"), Text("      at      took", "dim")]
    for entry in found["entries"]:
        after = (datetime.fromisoformat(entry["at"]) - begin).total_seconds()
        line = Text(f"{after:6.3f} s {entry['durationMs']:6.0f} ms  ", "dim")
        line.append(f"{'  ' * entry['depth']}{entry['kind']} ").append(UUID.sub("…", entry["name"]), "bold")
        if entry["cold"]:
            line.append(" (cold)", "blue")
        if entry["outcome"] not in GOOD and entry["outcome"][:1] not in "23":
            line.append(f" {entry['outcome']}", "yellow")
        if entry["emitted"]:
            line.append(" → " + ", ".join(entry["emitted"]), "green")
        line.no_wrap = True
        lines.append(line)
    return Group(*lines)


def _span(found: Json) -> float:
    return (datetime.fromisoformat(found["to"]) - datetime.fromisoformat(found["from"])).total_seconds()
