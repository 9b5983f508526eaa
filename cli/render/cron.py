"""Schedules and their runs."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import NONE, age, duration, elapsed_seconds, local_time, or_none, time_and_age
from cli.render.running import MAX_COMMAND_LENGTH, RUN_STYLES
from cli.render.tables import Column, Facts, Table

Json = Mapping[str, Any]
LOG_DELAY = timedelta(seconds=10)
"""The row of a run comes with the first event about its Job, after its container may have started, and its end after its last line."""


def schedule(view: Json) -> RenderableType:
    last = view["lastRun"]
    return Facts(
        ("schedule", Text(view["id"], "bold")),
        ("command", view["command"]),
        ("environment", view["environment"]),
        ("cron", f"{view['cron']} ({view['timeZone']})"),
        ("overlap", view["overlap"]),
        ("time limit", duration(view["timeoutSeconds"])),
        ("time to stop", duration(view["stopSeconds"])),
        ("next run", _next(view)),
        ("last run", Text.assemble(Text(last["status"], RUN_STYLES[last["status"]]), f" {time_and_age(last['requestedAt'])}") if last else NONE),
    )


def schedules(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No schedules yet.")
    table = Table(Column("schedule"), Column("environment", drop=1), Column("cron"), Column("next run"), Column("last run"), Column("command"))
    for each in items:
        last = each["lastRun"]
        outcome = Text.assemble(Text(last["status"], RUN_STYLES[last["status"]]), f" {age(last['requestedAt'])}") if last else Text(NONE)
        zone = "" if each["timeZone"] == "UTC" else f" {each['timeZone']}"
        table.add_row(each["id"], each["environment"], f"{each['cron']}{zone}", _next(each), outcome, _short(each["command"]))
    return table


def history(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("It has not run yet.")
    table = Table(Column("run"), Column("status"), Column("exit code", is_right=True), Column("scheduled"), Column("started"), Column("took"))
    for each in items:
        took = duration(elapsed_seconds(each["requestedAt"], each["finishedAt"])) if each["finishedAt"] else "…"
        scheduled = local_time(each["scheduledAt"]) if each["scheduledAt"] else "manual"
        status = Text(each["status"], RUN_STYLES[each["status"]])
        table.add_row(each["id"], status, or_none(each["exitCode"]), scheduled, age(each["requestedAt"]), took, details=[each["detail"] or ""])
    return table


def log_period(run: Json) -> dict[str, str]:
    """Return the query for the lines of a run. Runs at the times of a schedule share an id in the log."""
    if run["scheduledAt"] is None:
        return {}
    until = {"to": (datetime.fromisoformat(run["finishedAt"]) + LOG_DELAY).isoformat()} if run["finishedAt"] else {}
    return {"from": (datetime.fromisoformat(run["requestedAt"]) - LOG_DELAY).isoformat(), **until}


def _next(view: Json) -> str:
    return local_time(view["nextAt"]) if view["nextAt"] else "paused" if view["pausedAt"] else NONE


def _short(command: str) -> str:
    return command if len(command) <= MAX_COMMAND_LENGTH else command[: MAX_COMMAND_LENGTH - 1] + "…"
