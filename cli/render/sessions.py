"""Signed-in devices."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import NONE, age
from cli.render.tables import Column, Table

Json = Mapping[str, Any]


def sessions(items: Sequence[Json]) -> RenderableType:
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("device"), Column("address"), Column("signed in", drop=1), Column("last seen"), Column("2fa", drop=2), Column("id"))
    for each in items:
        device = Text(" on ".join(filter(None, (each["program"], each["system"]))) or NONE, "bold")
        if each["isCurrent"]:
            device.append(" (this one)", "green")
        factor = "yes" if each["hasSecondFactor"] else "no"
        table.add_row(device, each["address"] or NONE, age(each["startedAt"]), age(each["lastSeenAt"]), factor, ids[each["id"]])
    return table
