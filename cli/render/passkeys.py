"""Passkeys."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import age
from cli.render.tables import Column, Table


def passkeys(items: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not items:
        return Text("No passkeys. Add one on the page Account of the dashboard.")
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("name"), Column("synced", drop=1), Column("created", drop=2), Column("last used"), Column("id"))
    for each in items:
        used = age(each["lastUsedAt"]) if each["lastUsedAt"] else "never"
        table.add_row(Text(each["name"], "bold"), "yes" if each["isSynced"] else "no", age(each["createdAt"]), used, ids[each["id"]])
    return table
