"""API tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import age
from cli.render.tables import Column, Table

Json = Mapping[str, Any]


def tokens(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No API tokens.")
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("name"), Column("scopes"), Column("expires"), Column("last used", drop=1), Column("created", drop=2), Column("id"))
    for each in items:
        expires = Text("expired", "red") if each["isExpired"] else Text(age(each["expiresAt"]))
        used = age(each["lastUsedAt"]) if each["lastUsedAt"] else "never"
        table.add_row(Text(each["name"], "bold"), ", ".join(each["scopes"]), expires, used, age(each["createdAt"]), ids[each["id"]])
    return table
