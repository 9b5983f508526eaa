"""Service accounts."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import age
from cli.render.tables import Column, Table
from cli.render.teams import grants

__all__ = ["accounts", "grants"]

Json = Mapping[str, Any]


def accounts(items: Sequence[Json], names: Mapping[str, str]) -> RenderableType:
    if not items:
        return Text("No service accounts.")
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("name"), Column("role"), Column("grants"), Column("state"), Column("created", drop=1), Column("id"))
    for each in items:
        state = Text("disabled", "yellow") if each["disabledAt"] else Text("active")
        table.add_row(Text(each["name"], "bold"), each["role"], grants(each["grants"], names), state, age(each["createdAt"]), ids[each["id"]])
    return table
