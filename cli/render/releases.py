"""Releases."""

from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.words import facts, grid, moment, number, short

Json = dict[str, Any]


def releases(items: list[Json]) -> RenderableType:
    if not items:
        return "No release yet: capsule deploy"
    table = grid("release", "commit", "kind", "config", "made", "serves in")
    for each in items:
        serves = Text(", ".join(each["servesIn"]) or "–", "green" if each["servesIn"] else "")
        table.add_row(
            Text(f"r{each['number']}", "bold"), short(each["commit"]), each["kind"], str(each["configVersion"]), moment(each["createdAt"]), serves
        )
    return table


def release(found: Json) -> RenderableType:
    return facts(
        ("release", Text(f"r{found['number']}", "bold")),
        ("commit", found["commit"]),
        ("image", found["image"]),
        ("kind", found["kind"]),
        ("config", f"version {found['configVersion']}"),
        ("before traffic", number(found["releaseCommand"])),
        ("made", moment(found["createdAt"])),
    )
