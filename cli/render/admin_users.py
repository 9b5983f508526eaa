"""Users, as administrators see them."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import NONE, age, time_and_age
from cli.render.tables import Column, Table

Json = Mapping[str, Any]


def users(items: Sequence[Json]) -> RenderableType:
    table = Table(Column("address"), Column("name", drop=1), Column("roles"), Column("state"), Column("registered", drop=2), Column("id"))
    for each in items:
        table.add_row(Text(each["email"], "bold"), each["name"] or NONE, ", ".join(each["roles"]), _state(each), age(each["createdAt"]), each["id"])
    return table


def user(view: Json) -> Text:
    lines = [
        ("Address", view["email"]),
        ("Id", view["id"]),
        ("Name", view["name"] or NONE),
        ("Roles", ", ".join(view["roles"])),
        ("State", _state(view).plain),
        ("Registered", time_and_age(view["createdAt"])),
        ("Sessions", str(view["sessions"])),
        ("Second factor", "on" if view["hasSecondFactor"] else "off"),
        ("Failed sign-ins", str(view["failedLogins"])),
        ("Locked until", time_and_age(view["lockedUntil"])),
    ]
    if view["suspendedAt"]:
        lines.append(("Suspended", f"{time_and_age(view['suspendedAt'])}: {view['suspensionReason']}"))
    return Text("\n".join(f"{name:<16}{value}" for name, value in lines))


def _state(view: Json) -> Text:
    if view["suspendedAt"]:
        return Text("suspended", "red")
    if view["deletesAt"]:
        return Text(f"deleted {age(view['deletesAt'])}", "yellow")
    return Text("active", "green") if view["emailVerified"] else Text("not verified", "yellow")
