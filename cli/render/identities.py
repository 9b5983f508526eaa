"""Identities at providers."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import NONE, age
from cli.render.tables import Column, Table


def identities(items: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not items:
        return Text("No providers are linked. Link one on the page Account of the dashboard.")
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("provider"), Column("e-mail there"), Column("linked", drop=1), Column("last used"), Column("id"))
    for each in items:
        used = age(each["lastUsedAt"]) if each["lastUsedAt"] else "never"
        table.add_row(Text(each["provider"], "bold"), each["email"] or NONE, age(each["linkedAt"]), used, ids[each["id"]])
    return table
