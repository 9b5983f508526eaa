"""Environments: their variables and secrets, and their size."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.render.autoscaling import web_metric
from cli.render.formats import age, release_name, short_commit
from cli.render.tables import Column, Prose, Table

Json = Mapping[str, Any]


def settings(view: Json) -> RenderableType:
    released = view["released"] or {"release": None, "added": [], "changed": [], "removed": []}
    marks = {**dict.fromkeys(released["added"], "missing"), **dict.fromkeys(released["changed"], "another value")}
    mark_columns = [Column(f"in r{released['release']}")] if marks else []
    notes = _released_notes(released)
    if not view["entries"]:
        return Group(Text("No variables or secrets."), *notes)
    table = Table(
        Column("name"), Column("value"), *mark_columns, Column("scope", drop=1), Column("version", drop=3, is_right=True), Column("changed", drop=2)
    )
    for each in view["entries"]:
        value = Text("(secret)", "dim") if each["secret"] else Text(each["value"])
        mark = [Text(marks.get(each["name"], ""), "yellow")] if marks else []
        table.add_row(Text(each["name"], "bold"), value, *mark, each["scope"], str(each["version"]), age(each["changedAt"]))
    return Group(table, *notes)


def _released_notes(released: Json) -> list[RenderableType]:
    """Return what the running release has that the list does not show."""
    if not (released["added"] or released["changed"] or released["removed"]):
        return []
    removed = f" It still has {', '.join(released['removed'])}." if released["removed"] else ""
    text = f"! r{released['release']} runs with version {released['version']} of the configuration, which differs from this list.{removed}"
    return [Text(""), Prose(Text(text, "yellow"))]


def read_from(file: str, count: int, references: int) -> str:
    """Return how a `.env` file was read."""
    variables = f"{count} variable" if count == 1 else f"{count} variables"
    kept = f" {references} with ${{…}}, which stays as it is." if references else ""
    return f"{variables} from {file}, read as python-dotenv reads it (quotes, comments, export, several lines).{kept}"


def changed(view: Json) -> str:
    environments = ", ".join(each["environment"] for each in view["deployments"])
    return f"Configuration version {view['version']}" + (f", deploying to {environments}." if environments else ", applied at the next deployment.")


def size(view: Json) -> str:
    observed = "" if view["observationSeconds"] is None else f", new releases watched for {view['observationSeconds']} s"
    return (
        f"{view['name']}: {_instances(view)} instances, {view['memoryMib']} MiB and {view['cpuMillis'] / 1000:g} CPU each{web_metric(view)}{observed}"
    )


def environments(items: Sequence[Json]) -> RenderableType:
    table = Table(
        Column("environment"),
        Column("release"),
        Column("commit", drop=3),
        Column("instances"),
        Column("memory", is_right=True),
        Column("CPU", drop=1, is_right=True),
        Column("watched", drop=2, is_right=True),
    )
    for each in items:
        sizes = (_instances(each), f"{each['memoryMib']} MiB", f"{each['cpuMillis'] / 1000:g}", f"{each['observationSeconds']} s")
        name = Text(each["name"] + (" (protected)" if each.get("isProtected") else ""), "bold")
        table.add_row(name, release_name(each["release"]), short_commit(each["commit"]), *sizes, details=[each["url"] or ""])
    return table


def _instances(view: Json) -> str:
    return f"{view['minScale']}–{view['maxScale']}"


def processes(accepted: Json) -> RenderableType:
    """Return what process types are scaled to."""
    return Group(
        *(
            Prose(
                f"{each['name']}: {each['instances']} instance{'' if each['instances'] == 1 else 's'} in {accepted['environment']}, "
                f"{each['memoryMib']} MiB each, {each['stopSeconds']} s to stop"
            )
            for each in accepted["processes"]
        )
    )
