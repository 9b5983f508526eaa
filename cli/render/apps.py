"""Applications and what runs of them."""

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.render.words import facts, grid, moment, number, short, size, state


def applications(items: list[dict[str, Any]]) -> RenderableType:
    if not items:
        return "No application yet: capsule apps create NAME REPOSITORY"
    table = grid("name", "repository", "since", "id")
    for each in items:
        table.add_row(Text(each["name"], "bold"), escape(each["repository"]), moment(each["createdAt"]), each["id"])
    return table


def created(created: dict[str, Any]) -> str:
    return f"Application [bold]{escape(created['name'])}[/] of {escape(created['repository'])}"


def application(found: dict[str, Any]) -> RenderableType:
    head = facts(("name", Text(found["name"], "bold")), ("repository", found["repository"]), ("id", found["id"]))
    if not found["environments"]:
        return Group(head, Text(""), Text("Nothing is deployed yet: capsule deploy"))
    return Group(head, Text(""), environments(found["environments"]))


def disk(found: dict[str, Any] | None) -> Text:
    """What an application takes of the machine's disk."""
    if found is None:
        return Text("disk   not measured")
    images = f"images {found['images']}, {size(found['imagesBytes'])}"
    return Text(f"disk   {images} · cache {size(found['cacheBytes'])} · instances {size(found['instancesBytes'])}")


def environments(items: list[dict[str, Any]]) -> Table:
    table = grid("environment", "release", "commit", "latest deployment", "url")
    for each in items:
        latest = each["latestDeployment"]
        said = state(latest["status"]) + (Text(f": {latest['reason']}") if latest.get("reason") else Text(""))
        table.add_row(Text(each["name"], "bold"), number(each["release"]), short(each["commit"]), said, each["url"] or "–")
    return table
