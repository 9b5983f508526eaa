"""Applications and the state of their environments."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import age, short_commit, size, time_and_age
from cli.render.tables import Column, Facts, Table

Json = Mapping[str, Any]
SETTINGS = {
    "branch": "branch", "directory": "directory", "builder": "builder", "buildCommand": "build command", "startCommand": "start command",
    "releaseCommand": "release command", "healthPath": "health path", "port": "port", "wakingPage": "waking page",
}  # fmt: skip
SETTINGS_OF_BUILDS = ("branch", "directory", "builder", "build command")
DEFAULTS = {
    "branch": "the repository's default",
    "directory": "the root",
    "healthPath": "any answer below 500 on /",
    "port": "the image's, else 8080",
    "wakingPage": "none: the request waits",
}


def applications(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No applications yet.")
    ids = short_ids(each["id"] for each in items)
    has_teams = any(each.get("team") for each in items)
    table = Table(Column("name"), *([Column("team")] if has_teams else []), Column("created", drop=1), Column("id"))
    for each in items:
        team = [each.get("team") or ""] if has_teams else []
        table.add_row(Text(each["name"], "bold"), *team, age(each["createdAt"]), ids[each["id"]], details=[source(each)])
    return table


def source(view: Json) -> str:
    return str(view["repository"] or view["image"])


def created(view: Json) -> RenderableType:
    headline = Text.assemble("✓ Created application ", (view["name"], "bold"), f" from {source(view)}.")
    settings = set_settings(view)
    return Group(headline, Facts(*settings)) if settings else headline


def updated(view: Json) -> RenderableType:
    headline = Text.assemble("✓ Changed ", (view["name"], "bold"), ". It takes effect at the next deployment:")
    return Group(headline, Facts(_source_fact(view), *set_settings(view)))


def set_settings(view: Json) -> list[tuple[str, str]]:
    """Return the settings that differ from their defaults."""
    return [(label, _text(view.get(name))) for name, label in SETTINGS.items() if view.get(name) not in (None, "auto", False)]


def application(view: Json, *, has_settings: bool = False) -> RenderableType:
    """Return an application's facts, and what serves in each environment. `has_settings`: with every setting, also those that are not set."""
    settings = [(label, _text(view.get(name)) or DEFAULTS.get(name, "detected")) for name, label in SETTINGS.items()] if has_settings else []
    facts = Facts(
        ("name", Text(view["name"], "bold")),
        _source_fact(view),
        *(settings if view["repository"] else [each for each in settings if each[0] not in SETTINGS_OF_BUILDS]),
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
    is_reached = view["release"] and not (view["stoppedAt"] or view["pausedAt"] or view.get("maintenance"))
    style = "green" if is_reached else "yellow"
    return Text.assemble((serving, style), commit, since, separator, last_deployment, f"\n{view['url']}" if view["url"] else "")


def _text(value: Any) -> str:
    return "yes" if value is True else str(value or "")


def _source_fact(view: Json) -> tuple[str, str]:
    return ("repository", view["repository"]) if view["repository"] else ("image", view["image"])
