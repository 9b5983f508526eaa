"""API tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import age
from cli.render.tables import Column, Table

Json = Mapping[str, Any]


def tokens(items: Sequence[Json], creators: Mapping[str, str] | None = None) -> RenderableType:
    """`creators`: for tokens of service accounts, the addresses of members by user id."""
    if not items:
        return Text("No API tokens.")
    ids = short_ids(each["id"] for each in items)
    created_by = (Column("created by"),) if creators is not None else ()
    times = (Column("expires"), Column("last used", drop=1), Column("created", drop=2))
    table = Table(Column("name"), Column("scopes"), *times, *created_by, Column("id"))
    for each in items:
        expires = Text("expired", "red") if each["isExpired"] else Text(age(each["expiresAt"]))
        used = age(each["lastUsedAt"]) if each["lastUsedAt"] else "never"
        creator = (_creator(each["createdBy"], creators),) if creators is not None else ()
        table.add_row(Text(each["name"], "bold"), ", ".join(each["scopes"]), expires, used, age(each["createdAt"]), *creator, ids[each["id"]])
    return table


def _creator(user_id: str | None, emails: Mapping[str, str]) -> str:
    return "unknown" if user_id is None else emails.get(user_id, f"former member {user_id[:13]}")
