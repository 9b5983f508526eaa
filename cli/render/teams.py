"""Teams, their members, invitations, and permissions."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import age
from cli.render.tables import Column, Table

Json = Mapping[str, Any]


def title(team: Json) -> str:
    return str(team["name"] or "(personal)")


def teams(items: Sequence[Json]) -> RenderableType:
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("name"), Column("your role"), Column("created", drop=1), Column("id"))
    for each in items:
        table.add_row(Text(title(each), "bold"), each["role"], age(each["createdAt"]), ids[each["id"]])
    return table


def team(view: Json) -> RenderableType:
    return Text.assemble((title(view), "bold"), f" · your role: {view['role']} · bills and alerts: {view['email']}\nid: {view['id']}")


def members(items: Sequence[Json], names: Mapping[str, str]) -> RenderableType:
    table = Table(Column("e-mail"), Column("name", drop=2), Column("role"), Column("grants"), Column("since", drop=1))
    for each in items:
        table.add_row(Text(each["email"], "bold"), each["name"], each["role"], grants(each["grants"], names), age(each["joinedAt"]))
    return table


def grants(items: Sequence[Json], names: Mapping[str, str]) -> str:
    """`names`: of applications, by id. An application without a known name is shown by its id."""
    return (
        ", ".join(":".join(filter(None, (names.get(each["applicationId"], each["applicationId"]), each["environment"]))) for each in items) or "none"
    )


def invitations(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No open invitations.")
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("e-mail"), Column("role"), Column("expires"), Column("id"))
    for each in items:
        table.add_row(Text(each["email"], "bold"), each["role"], age(each["expiresAt"]), ids[each["id"]])
    return table


def permissions(items: Sequence[Json], names: Mapping[str, str]) -> RenderableType:
    table = Table(Column("team"), Column("role"), Column("permissions"), Column("grants"))
    for each in items:
        table.add_row(Text(title(each), "bold"), each["role"], ", ".join(each["permissions"]), grants(each["grants"], names))
    return table
