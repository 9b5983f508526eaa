"""Running instances and disk usage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.render.autoscaling import describe, last_scaling, web_metric
from cli.render.formats import NONE, age, duration, elapsed_seconds, or_none, release_name, size, time_and_age
from cli.render.tables import Column, Facts, Prose, Table

Json = Mapping[str, Any]
RUN_STYLES = {"running": "yellow", "succeeded": "green", "failed": "red", "cancelled": "dim"}
MAX_COMMAND_LENGTH = 60
MIB = 1 << 20
STYLES = {"ready": "green", "crashed": "red", "starting": "yellow", "stopping": "yellow", "draining": "yellow"}


@dataclass(frozen=True)
class Measured:
    """What the instances of an environment used. `point`: in a step of the metrics that is complete; None: there is none."""

    memory_max_bytes: int | None = None
    point: Json | None = None
    step_seconds: int = 60

    def of_metric(self, environment: Json) -> float | None:
        """Return the value of the metric by which web scales, for one instance; None: not known."""
        count = sum(each["state"] == "ready" for each in environment["instances"])
        if self.point is None or not count:
            return None
        requests, mean_ms = self.point["requests"], self.point["meanLatencyMs"] or 0
        has_others = any(each["running"] for each in environment["processes"])  # their CPU and memory are in the same numbers
        match environment["scaleMetric"]:
            case "rps":
                return float(requests / self.step_seconds / count)
            case "concurrency":
                return float(requests * mean_ms / 1000 / self.step_seconds / count)
            case "cpu" if not has_others:
                return float(self.point["cpuMilliseconds"] / self.step_seconds / count / environment["cpuMillis"] * 100)
            case "memory" if not has_others and self.point["memoryMeanBytes"] is not None:
                return float(self.point["memoryMeanBytes"] / (environment["memoryMib"] * MIB) * 100)
        return None


def instances(application: str, items: Sequence[Json], measured: Mapping[str, Measured]) -> RenderableType:
    """Return one block for each environment. `measured`: by environment."""
    if not items:
        return Text(f"Nothing of {application} is deployed yet.")
    parts: list[RenderableType] = []
    for each in items:
        parts += [*([Text("")] if parts else []), Prose(_headline(each, measured.get(each["name"], Measured())))]
        if each["instances"]:
            parts.append(_table(each, each["instances"]))
        for process in each["processes"]:
            parts.append(Prose(_process_headline(process)))
            if process["running"]:
                parts.append(_table(each, process["running"]))
    return Group(*parts)


def _process_headline(process: Json) -> Text:
    """Return a line about a process type beside web: how many instances run of those that should, and why one crashes."""
    running, desired = len(process["running"]), process["instances"]
    line = Text.assemble("  ", (process["name"], "bold"), f": {running} of {desired} instances, {process['memoryMib']} MiB each")
    if process["autoscaling"]:
        line.append(f"; {describe(process['autoscaling'])}")
    if process["command"] is None:
        return line.append("; the release does not name it")
    crashed = next((each for each in process["running"] if each["state"] == "crashed"), None)
    if crashed is not None:
        last_line = (crashed["lastOutput"] or "").strip().rpartition("\n")[2]
        line.append(f"; exited with code {crashed['lastExitCode']}{f': {last_line}' if last_line else ''}", "red")
    if process["autoscaling"]:
        line.append(last_scaling(process["autoscaling"]))
        return line.append(f"; {process['autoscaling']['problem']}", "red") if process["autoscaling"]["problem"] else line
    return line.append("; capsule scale " + process["name"] + "=1 starts it") if not desired else line


def ended(run: Json) -> Text:
    """Return how a one-off command ended."""
    took = duration(elapsed_seconds(run["requestedAt"], run["finishedAt"]))
    if run["status"] == "succeeded":
        return Text.assemble(("✓ ", "green"), f"The command succeeded after {took}.")
    if run["exitCode"] is None:
        return Text.assemble(("✗ ", "bold red"), run["detail"] or "The command was cancelled.")
    return Text.assemble(("✗ ", "bold red"), f"The command exited with code {run['exitCode']} after {took}.")


def runs(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No one-off commands yet.")
    table = Table(
        Column("run"), Column("environment", drop=1), Column("status"), Column("exit code", is_right=True), Column("started"), Column("command")
    )
    for each in items:
        status = Text(each["status"], RUN_STYLES[each["status"]])
        command = each["command"] if len(each["command"]) <= MAX_COMMAND_LENGTH else each["command"][: MAX_COMMAND_LENGTH - 1] + "…"
        table.add_row(each["id"], each["environment"], status, or_none(each["exitCode"]), age(each["requestedAt"]), command)
    return table


def run(view: Json) -> RenderableType:
    return Facts(
        ("run", Text(view["id"], "bold")),
        ("command", view["command"]),
        ("environment", view["environment"]),
        ("status", Text(view["status"], RUN_STYLES[view["status"]])),
        ("exit code", or_none(view["exitCode"])),
        *((("detail", view["detail"]),) if view["detail"] else ()),
        ("streams", view["streams"]),
        ("started", time_and_age(view["requestedAt"])),
        ("attached", time_and_age(view["attachedAt"]) if view["attachedAt"] else NONE),
        ("ended", time_and_age(view["finishedAt"]) if view["finishedAt"] else NONE),
    )


def disk(usage: Json | None) -> RenderableType:
    if usage is None:
        return Prose("The disk usage is not measured yet. It is measured on one machine only, about once a minute.")
    return Facts(
        ("images", f"{usage['images']}, {size(usage['imagesBytes'])}"),
        ("build cache", size(usage["cacheBytes"])),
        ("instances", size(usage["instancesBytes"])),
        ("measured", age(usage["measuredAt"])),
    )


def _headline(environment: Json, measured: Measured) -> Text:
    name, draining = Text(environment["name"], "bold"), sum(_is_draining(each, environment) for each in environment["instances"])
    running = len(environment["instances"]) - draining
    if environment["stoppedAt"]:
        return Text.assemble(name, f": stopped {age(environment['stoppedAt'])} ({release_name(environment['release'])})")
    if environment["pausedAt"]:
        return Text.assemble(name, f": paused {age(environment['pausedAt'])} ({environment['pauseReason']}); see `capsule quota`")
    if environment["release"] is None:
        return Text.assemble(name, ": not deployed")
    ending = f", {draining} draining" if draining else ""
    if not running:
        return Text.assemble(name, f": {release_name(environment['release'])} at zero instances{ending}; the next request starts one")
    used_bytes = measured.memory_max_bytes
    memory = f"{size(used_bytes)} of {environment['memoryMib']} MiB" if used_bytes is not None else f"{environment['memoryMib']} MiB"
    by = web_metric(environment, measured.of_metric(environment))
    return Text.assemble(name, f": {running} of {environment['maxScale']} instances{ending}, memory {memory}{by}")


def _is_draining(instance: Json, environment: Json) -> bool:
    """Whether an instance is ending: it stops, or it is of an earlier release than the one that serves."""
    release = (instance["release"] or "").removeprefix("r")
    is_earlier = release.isdigit() and environment["release"] is not None and int(release) < environment["release"]
    return bool(instance["state"] == "stopping" or is_earlier)


def _table(environment: Json, instances: Sequence[Json]) -> Table:
    table = Table(
        Column("instance"), Column("state"), Column("restarts", is_right=True), Column("started"), Column("release", drop=1),
        Column("last exit code", drop=2, is_right=True),
    )  # fmt: skip
    for each in instances:
        label = "draining" if each["state"] == "ready" and _is_draining(each, environment) else each["state"]
        state = Text(label, STYLES[label])
        exit_code = or_none(each["lastExitCode"])
        table.add_row(each["name"], state, str(each["restarts"]), age(each["createdAt"]), each["release"] or NONE, exit_code)
    return table
