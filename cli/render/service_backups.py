"""Backups of data services: their state, size, and whether they were verified."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import NONE, time_and_age
from cli.render.tables import Column, Facts, Table

Json = Mapping[str, Any]
STYLES = {"complete": "green", "running": "yellow", "failed": "red", "deleting": "dim"}


def backups(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No backups yet.")
    table = Table(Column("backup"), Column("state"), Column("made"), Column("trigger", drop=2), Column("size", drop=1), Column("verified"))
    for each in items:
        table.add_row(Text(each["id"], "bold"), _state(each), time_and_age(each["requestedAt"]), each["trigger"], _size(each), _verified(each))
    return table


def backup(view: Json) -> RenderableType:
    return Facts(
        ("backup", Text(view["id"], "bold")),
        ("state", _state(view)),
        *((("error", view["error"]),) if view["error"] else ()),
        ("trigger", view["trigger"]),
        ("size", _size(view)),
        ("made", time_and_age(view["requestedAt"])),
        ("verified", _verified(view)),
        *((("not verified", view["verificationError"]),) if view["verificationError"] else ()),
    )


def policy(view: Json) -> RenderableType:
    return Facts(
        ("schedule", f"{view['schedule']} (UTC)" if view["schedule"] else "none: manual only"),
        ("next", time_and_age(view["nextAt"]) if view["nextAt"] else NONE),
        ("kept", f"{view['keepCount']}, for {view['keepDays']} days; the newest always"),
    )


def _state(view: Json) -> Text:
    return Text(view["state"], STYLES.get(view["state"], ""))


def _size(view: Json) -> str:
    return f"{view['sizeBytes'] / 2**20:.1f} MiB" if view["state"] == "complete" else NONE


def _verified(view: Json) -> Text:
    if view["verifiedAt"]:
        return Text(time_and_age(view["verifiedAt"]))
    return Text("failed" if view["verificationError"] else "never", "red" if view["verificationError"] else "yellow")
