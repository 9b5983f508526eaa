"""Deployments: asked for, under way, ended."""

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.render.words import duration, facts, grid, moment, number, short, since, state

Json = dict[str, Any]
BEFORE_A_RELEASE = ("requested", "building")


def requested(application: str, asked: Json) -> str:
    name, place = f"[bold]{escape(application)}[/]", escape(asked["environment"])
    release = f"r{asked['release']}" if asked.get("release") else ""
    match asked["cause"]:
        case "promotion":
            return f"Promoting {name} {release} to {place}"
        case "rollback":
            return f"Taking {name} in {place} back to {release}"
        case "configuration" | "scale":
            return f"Releasing {name} {release} in {place} again"
    return f"Deploying {name} ({escape(asked['ref'] or 'default branch')}) to {place}"


def how_to_follow(application: str, deployment: str) -> str:
    name = escape(application)
    return f"  capsule status {deployment} --app {name}\n  capsule logs -f --deployment {deployment} --app {name}"


def where_to_look(application: str, shown: Json) -> str:
    return f"capsule logs --app {application} --deployment {shown['id']}" + (" --build" if ended_in_build(shown) else "")


def doing(shown: Json) -> str:
    return f"{shown['status']} [dim]{duration(since(shown['requestedAt'], shown['finishedAt']))}[/]"


def passed(shown: Json) -> list[Json]:
    """Steps that have begun, the asking itself excepted."""
    return [step for step in shown["steps"] if step["step"] != "requested"]


def ended_in_build(shown: Json) -> bool:
    return bool(
        shown["cause"] == "deploy" and shown["status"] != "succeeded" and (not shown["steps"] or shown["steps"][-1]["step"] in BEFORE_A_RELEASE)
    )


def failure_title(shown: Json) -> str:
    """An automatic rollback is told as what it is: a failure, after which an older release serves."""
    back = f", rolled back to r{shown['rolledBackTo']}" if shown["rolledBackTo"] else ""
    how = "was cancelled" if shown["status"] == "cancelled" else f"failed{back}"
    return f"The deployment {how}: {shown['reason']}"


def succeeded(shown: Json) -> RenderableType:
    took = duration(since(shown["requestedAt"], shown["finishedAt"]))
    said = Text("✓ ", "green") + Text(f"release {number(shown['release'])}, commit {short(shown['commit'])}, in {took}")
    return Group(said, Text(shown["url"] or "", "bold"))


def deployment(shown: Json) -> RenderableType:
    rows: list[tuple[str, str | Text]] = [
        ("deployment", shown["id"]),
        ("status", state(shown["status"]) + (Text(f": {shown['reason']}") if shown["reason"] else Text(""))),
        ("environment", shown["environment"]),
        ("cause", shown["cause"]),
        ("ref", shown["ref"] or "default branch"),
        ("commit", number(shown["commit"])),
        ("release", number(shown["release"]) + (f", before it {shown['previousRelease']}" if shown["previousRelease"] else "")),
        ("url", shown["url"] or "–"),
        ("request", shown["correlationId"]),
    ]
    parts: list[RenderableType] = [facts(*rows)]
    if shown["detail"]:
        parts += [Text(""), Text(shown["detail"])]
    return Group(*parts, Text(""), steps(shown["steps"]))


def steps(items: list[Json]) -> Table:
    table = grid("step", "began", "took", right=("took",))
    for each in items:
        took = duration(since(each["startedAt"], each["finishedAt"])) if each["finishedAt"] else "…"
        table.add_row(each["step"], moment(each["startedAt"]), took)
    return table


def listed(items: list[Json]) -> RenderableType:
    if not items:
        return Text("")
    table = grid("deployment", "environment", "cause", "status", "release", "commit", "requested", "took", right=("took",))
    for each in items:
        said = state(each["status"]) + (Text(f": {each['reason']}") if each["reason"] else Text(""))
        if each["rolledBackTo"]:
            said.append(f" (back to r{each['rolledBackTo']})")
        took = duration(since(each["requestedAt"], each["finishedAt"])) if each["finishedAt"] else "…"
        table.add_row(
            each["id"], each["environment"], each["cause"], said, number(each["release"]), short(each["commit"]), moment(each["requestedAt"]), took
        )
    return table
