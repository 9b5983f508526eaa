"""Credentials of a repository: only what is not secret."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import age
from cli.render.tables import Column, Table

Json = Mapping[str, Any]


def key(view: Json) -> list[RenderableType]:
    """The public key stays on one line, so that it can be copied."""
    line = Text(view["publicKey"], no_wrap=True, overflow="ignore")
    return [line, "", f"Fingerprint {view['fingerprint']}, created {age(view['createdAt'])}.", "Add the line above to the repository's deploy keys."]


def token(view: Json | None) -> str:
    return f"✓ A token of user {view['user']} is stored for {view['server']}, set {age(view['setAt'])}." if view else "No token is stored."


def host_keys(items: Sequence[Json]) -> RenderableType:
    if not items:
        return "No host keys are stored: the next deployment trusts what the server presents."
    table = Table(Column("host"), Column("type"), Column("fingerprint", drop=1))
    for each in items:
        table.add_row(Text(each["host"], "bold"), each["type"], each["fingerprint"])
    return table
