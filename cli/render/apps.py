"""Applications and the state of their environments."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import age, short_commit, size, time_and_age
from cli.render.tables import Column, Facts, Table

Json = dict[str, Any]


def applications(items: list[Json]) -> RenderableType:
    if not items:
        return Text("No applications yet.")
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("name"), Column("created", drop=1), Column("id"))
    for each in items:
        table.add_row(Text(each["name"], "bold"), age(each["createdAt"]), ids[each["id"]], details=[each["repository"]])
    return table


def created(view: Json) -> Text:
    return Text.assemble("✓ Created application ", (view["name"], "bold"), f" from {view['repository']}.")


def application(view: Json) -> RenderableType:
    """Return an application's facts, and what serves in each environment."""
    facts = Facts(
        ("name", Text(view["name"], "bold")),
        ("repository", view["repository"]),
        ("created", time_and_age(view["createdAt"])),
        ("id", view["id"]),
    )
    if not view["environments"]:
        return Group(facts, Text(""), Text("Not deployed yet."))
    return Group(facts, Text(""), Facts(*((each["name"], environment(each)) for each in view["environments"])))


def disk(view: Json | None) -> Text:
    """Return what an application uses of the server's disk."""
    if view is None:
        return Text("disk   not measured")
    images = f"images {view['images']}, {size(view['imagesBytes'])}"
    return Text(f"disk   {images} · cache {size(view['cacheBytes'])} · instances {size(view['instancesBytes'])}")


def environment(view: Json) -> Text:
    """Return what serves and how the last deployment ended, with the URL on a line of its own."""
    serving, separator, last_deployment = view["summary"].partition(" · ")
    commit = f" ({short_commit(view['commit'])})" if view["commit"] else ""
    since = f", since {age(view['servingSince'])}" if view.get("servingSince") else ""
    style = "green" if view["release"] else "yellow"
    return Text.assemble((serving, style), commit, since, separator, last_deployment, f"\n{view['url']}" if view["url"] else "")
