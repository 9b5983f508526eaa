"""Deployments: requested, in progress, ended."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import NONE, age, duration, elapsed_seconds, or_none, release_name, short_commit, status_text, time_and_age
from cli.render.tables import Column, Facts, Prose, Table

Json = dict[str, Any]
STEPS_OF_A_BUILD = ("requested", "building")
FAULTS_OF_THE_COMMIT = ("build-failed", "not-recognized", "too-large")
FAULTS_OF_THE_REPOSITORY = ("repository-not-found", "repository-private")


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
    return f"{view['status']} [dim]{duration(elapsed_seconds(view['requestedAt'], view['finishedAt']))}[/]"


def begun_steps(view: Json) -> list[Json]:
    """Return the steps that have begun, after the request itself."""
    return [step for step in view["steps"] if step["step"] != "requested"]


def is_ended_in_build(view: Json) -> bool:
    has_release_step = bool(view["steps"]) and view["steps"][-1]["step"] not in STEPS_OF_A_BUILD
    return bool(view["cause"] == "deploy" and view["status"] != "succeeded" and not has_release_step)


def failure_title(view: Json) -> str:
    match view["status"]:
        case "cancelled":
            return f"Deployment cancelled: {view['reason']}"
        case "rolled-back":
            return f"Deployment rolled back to {release_name(view['rolledBackTo'])}: {view['reason']}"
        case _ if is_ended_in_build(view):
            return f"Deployment failed: {view['reason']}"
    return f"Deployment failed before taking traffic: {view['reason']}"


def failure_detail(view: Json, log_lines: list[str]) -> str:
    """Return the cause without the lines of the build log that were just printed, and what serves now."""
    printed = " ".join(" ".join(log_lines).split())
    cause = [line.removesuffix(" Last output:") for line in (view["detail"] or "").splitlines()]
    lines = [line for line in cause if " ".join(line.split()) not in printed]
    serving = view["rolledBackTo"] or view["previousRelease"]
    return "\n".join([*lines, *([f"r{serving} keeps serving."] if serving else [])])


def failure_hint(application: str, view: Json) -> str:
    """Return the next step after a failed deployment, by its reason."""
    option, deployment = f"--app {application}", f"--deployment {view['id']}"
    reason = view["reason"]
    if view["status"] == "cancelled":
        return f"capsule deploy {option}"
    if reason == "ref-not-found":
        return f"Push the ref, or name another: capsule deploy --ref BRANCH {option}"
    if reason in FAULTS_OF_THE_REPOSITORY:
        return f"Check the repository's address: capsule apps show {application}"
    if reason in FAULTS_OF_THE_COMMIT:
        return f"Fix it, push a commit, then: capsule deploy {option}"
    if reason == "out-of-memory":
        return f"capsule scale --memory MIB --env {view['environment']} {option}"
    component = " --build" if is_ended_in_build(view) else ""
    return f"capsule logs{component} {deployment} {option}"


def succeeded(view: Json) -> RenderableType:
    took = duration(elapsed_seconds(view["requestedAt"], view["finishedAt"]))
    line = Text.assemble(("✓ ", "green"), (release_name(view["release"]), "bold"))
    line.append(f" serving in {view['environment']} · commit {short_commit(view['commit'])} · {took}")
    return Group(Prose(line), Text(view["url"] or "", "bold"))


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


def steps(items: list[Json]) -> Table:
    table = Table(Column("step"), Column("began"), Column("took", is_right=True))
    for each in items:
        took = duration(elapsed_seconds(each["startedAt"], each["finishedAt"])) if each["finishedAt"] else "…"
        error = f"attempt {each['attempts']}: {each['error']}" if each.get("error") else ""
        table.add_row(each["step"], age(each["startedAt"]), took, details=[error])
    return table


def deployments(items: list[Json]) -> RenderableType:
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
        if each["rolledBackTo"]:
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
