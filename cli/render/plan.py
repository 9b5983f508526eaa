"""The plan of a repository's build."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.render.formats import short_commit
from cli.render.tables import Column, Facts, Prose, Table

Json = Mapping[str, Any]


def inspection(view: Json) -> RenderableType:
    """Return what a build would do; an empty text if there is no plan, since the failure follows."""
    plan = view["plan"]
    if plan is None:
        return Text("")
    parts: list[RenderableType] = [Facts(*_facts(view, plan))]
    if plan["steps"]:
        parts += [Text(""), Text("What the build does", "bold"), *(Prose(_step(each)) for each in plan["steps"])]
    if plan["variables"]:
        table = Table(Column("variable"), Column("needed"), Column("example"), Column("source", drop=1))
        for each in plan["variables"]:
            table.add_row(Text(each["name"], "bold"), "required" if each["isRequired"] else "", each["example"], each["source"])
        parts += [Text(""), table]
    notes = [*(Text(f"! {each}", "yellow") for each in plan["gaps"]), *(Text(f"· {each}") for each in plan["notices"])]
    if notes:
        parts += [Text(""), *(Prose(each) for each in notes)]
    return Group(*parts)


def _facts(view: Json, plan: Json) -> list[tuple[str, str | Text]]:
    tools = ", ".join(_tool(each) for each in plan["toolchains"])
    facts: list[tuple[str, str | Text]] = [
        ("repository", view["repository"]),
        ("commit", short_commit(view["commit"])),
        ("builds as", Text(plan["kind"], "bold")),
        ("recognized by", plan["reason"]),
    ]
    optional = (
        ("directory", "" if plan["directory"] == "." else plan["directory"]),
        ("with", tools),
        ("Dockerfile", plan["dockerfile"]),
        ("start", plan["start"] or ("static site" if plan["isSite"] else "")),
        ("release command", plan["release"]),
        ("health path", plan["health"] or "any answer below 500 on /"),
        ("port", str(plan["port"] or "")),
        *((f"{each['name']} (does not run)", each["command"]) for each in plan["processes"]),
    )
    return facts + [(label, value) for label, value in optional if value]


def _tool(tool: Json) -> str:
    version = f" {tool['version']}" if tool["version"] else ""
    source = f" ({tool['source']})" if tool["source"] else ""
    return f"{tool['name']}{version}{source}"


def _step(step: Json) -> Text:
    return Text.assemble("  ", step["title"], (f": {step['command']}", "dim") if step["command"] else "")
