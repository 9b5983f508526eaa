"""Deployments: requested, in progress, ended."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import NONE, age, duration, elapsed_seconds, or_none, release_name, short_commit, status_text, time_and_age
from cli.render.tables import Column, Facts, Prose, Table

Json = Mapping[str, Any]
STEPS_OF_A_BUILD = ("requested", "building")
OBSERVING = "observing"
STEPS_WITH_TRAFFIC = (OBSERVING, "rolling-back")


def requested(application: str, accepted: Json) -> Text:
    name, environment = Text(application, "bold"), accepted["environment"]
    release = f" r{accepted['release']}" if accepted.get("release") else ""
    match accepted["cause"]:
        case "promotion":
            return Text.assemble("Promoting ", name, f"{release} to {environment}")
        case "rollback":
            return Text.assemble("Rolling ", name, f" in {environment} back to{release}")
        case "restart":
            return Text.assemble("Restarting ", name, f"{release} in {environment}")
        case "start":
            return Text.assemble("Starting ", name, f"{release} in {environment}")
        case "configuration" | "scale":
            return Text.assemble("Deploying ", name, f"{release} to {environment} with the new {accepted['cause']}")
    return Text.assemble("Deploying ", name, f" ({accepted['ref'] or 'default branch'}) to {environment}")


def follow_commands(application: str, deployment_id: str) -> tuple[str, str]:
    """Return the commands that show the status and the log of a deployment."""
    return (f"capsule status {deployment_id} --app {application}", f"capsule logs -f --deployment {deployment_id} --app {application}")


def progress(view: Json) -> str:
    return f"{step_heading(view['status'], view)} [dim]{duration(elapsed_seconds(view['requestedAt'], view['finishedAt']))}[/]"


def begun_steps(view: Json) -> Sequence[Json]:
    """Return the steps that have begun, after the request itself."""
    return [step for step in view["steps"] if step["step"] != "requested"]


def step_heading(step: str, view: Json) -> str:
    return f"serving, watching {view['observationSeconds']} s" if step == OBSERVING else str(step)


def is_past_build(view: Json) -> bool:
    """Return whether a step after the build has begun, or the deployment has ended."""
    return bool(view["finishedAt"]) or any(step["step"] not in STEPS_OF_A_BUILD for step in view["steps"])


def is_ended_in_build(view: Json) -> bool:
    has_release_step = bool(view["steps"]) and view["steps"][-1]["step"] not in STEPS_OF_A_BUILD
    return bool(view["cause"] == "deploy" and view["status"] != "succeeded" and not has_release_step)


def has_taken_traffic(view: Json) -> bool:
    return any(step["step"] in STEPS_WITH_TRAFFIC for step in view["steps"])


def failure_title(view: Json) -> str:
    match view["status"]:
        case "cancelled":
            return "Deployment cancelled"
        case "rolled-back":
            return f"Deployment rolled back to {release_name(view['rolledBackTo'])}: {view['reason']}"
        case _ if is_ended_in_build(view):
            return f"Deployment failed: {view['reason']}"
        case _ if has_taken_traffic(view):
            return f"Deployment failed after taking traffic: {view['reason']}"
    return f"Deployment failed before taking traffic: {view['reason']}"


def failure_detail(view: Json) -> str:
    """Return the cause, and what serves now."""
    detail = "" if view["status"] == "cancelled" else view["detail"] or ""  # the title says the same
    return "\n".join([*detail.splitlines(), *serving_after_failure(view)])


def serving_after_failure(view: Json) -> list[str]:
    """Return a sentence about what serves after a deployment that has not succeeded; none before the first release."""
    back, previous = view["rolledBackTo"], view["previousRelease"]
    if view["status"] == "rolled-back":
        return [f"r{back} serves again."]
    if has_taken_traffic(view):
        return [f"r{previous} does not serve again." if previous else "Nothing serves: no release succeeded before."]
    return [f"r{back or previous} keeps serving."] if back or previous else []


def serving(view: Json) -> RenderableType:
    """Return what serves while it is observed."""
    line = Text.assemble(("● ", "yellow"), (release_name(view["release"]), "bold"), f" serving in {view['environment']}")
    line.append(f" · commit {short_commit(view['commit'])} · watched for {view['observationSeconds']} s, rolled back if it fails")
    return Group(Prose(line), Text(view["url"] or "", "bold"))


def succeeded(view: Json) -> RenderableType:
    took = duration(elapsed_seconds(view["requestedAt"], view["finishedAt"]))
    line = Text.assemble(("✓ ", "green"), (release_name(view["release"]), "bold"))
    line.append(f" serving in {view['environment']} · commit {short_commit(view['commit'])} · {took}")
    warning = [Prose(Text.assemble(("! ", "bold yellow"), view["detail"]))] if view["detail"] else []
    return Group(Prose(line), *warning, Text(view["url"] or "", "bold"))


def deployment(view: Json) -> RenderableType:
    status = Text.assemble(status_text(view["status"]), f": {view['reason']}" if view["reason"] else "")
    if view["rolledBackTo"]:
        status.append(f" ({release_name(view['rolledBackTo'])} keeps serving)")
    previous = f", previous {release_name(view['previousRelease'])}" if view["previousRelease"] else ""
    facts = Facts(
        ("deployment", view["id"]),
        ("status", status),
        ("environment", view["environment"]),
        ("cause", view["cause"]),
        ("ref", view["ref"] or "default branch"),
        ("commit", or_none(view["commit"])),
        ("release", release_name(view["release"]) + previous),
        ("URL", or_none(view["url"])),
        ("requested", time_and_age(view["requestedAt"])),
        ("correlation id", view["correlationId"]),
    )
    detail: list[RenderableType] = [Text(""), Prose(view["detail"])] if view["detail"] else []
    return Group(facts, *detail, Text(""), steps(view["steps"]))


def steps(items: Sequence[Json]) -> Table:
    table = Table(Column("step"), Column("began"), Column("took", is_right=True))
    for each in items:
        took = duration(elapsed_seconds(each["startedAt"], each["finishedAt"])) if each["finishedAt"] else "…"
        error = f"attempt {each['attempts']}: {each['error']}" if each.get("error") else ""
        table.add_row(each["step"], age(each["startedAt"]), took, details=[error])
    return table


def deployments(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("")
    ids = short_ids(each["id"] for each in items)
    table = Table(
        Column("deployment"),
        Column("environment"),
        Column("release"),
        Column("status"),
        Column("requested", drop=1),
        Column("took", drop=2, is_right=True),
        Column("cause", drop=3),
        Column("commit", drop=4),
    )
    for each in items:
        status = status_text(each["status"])
        reason = each["reason"] or ""
        if each["rolledBackTo"] and each["status"] in ("rolling-back", "rolled-back"):
            reason += f" (back to r{each['rolledBackTo']})"
        took = duration(elapsed_seconds(each["requestedAt"], each["finishedAt"])) if each["finishedAt"] else NONE
        table.add_row(
            ids[each["id"]],
            each["environment"],
            release_name(each["release"]),
            Text.assemble(status, f": {reason}" if reason else ""),
            age(each["requestedAt"]),
            took,
            each["cause"],
            short_commit(each["commit"]),
        )
    return table


def cancelling(view: Json) -> str:
    serving = f" Traffic stays on {release_name(view['previousRelease'])}." if view["previousRelease"] else ""
    return f"Cancelling deployment {view['id']}.{serving}"
