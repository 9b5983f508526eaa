"""Releases."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import NONE, age, or_none, short_commit, time_and_age
from cli.render.tables import Column, Facts, Table

Json = Mapping[str, Any]


def releases(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No releases yet.")
    table = Table(
        Column("release"), Column("commit"), Column("kind", drop=2), Column("config", drop=3, is_right=True), Column("created", drop=1),
        Column("serving in"),
    )  # fmt: skip
    for each in items:
        serving = Text(", ".join(each["servesIn"]) or NONE, "green" if each["servesIn"] else "")
        name = Text(f"r{each['number']}", "bold")
        table.add_row(name, short_commit(each["commit"]), each["kind"], str(each["configVersion"]), age(each["createdAt"]), serving)
    return table


def release(view: Json) -> RenderableType:
    return Facts(
        ("release", Text(f"r{view['number']}", "bold")),
        ("commit", view["commit"]),
        ("image", view["image"]),
        ("kind", view["kind"]),
        ("config", f"version {view['configVersion']}"),
        ("release command", or_none(view["releaseCommand"])),
        ("created", time_and_age(view["createdAt"])),
    )
