"""The audit log."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import NONE, local_time
from cli.render.tables import Column, Table

Json = Mapping[str, Any]
SHORT_ID = 13
"""Characters of a user's id in the table; `--json` prints all."""


def entries(items: Sequence[Json]) -> RenderableType:
    table = Table(
        Column("number"), Column("time"), Column("actor"), Column("action"), Column("target"), Column("changed", drop=1), Column("address", drop=2)
    )
    for each in items:
        action = Text(each["function"], "bold")
        if each["outcome"] != "done":
            action.append(f" ({each['reason'] or each['outcome']})", "red")
        actor = f"{each['actor']} {each['userId'][:SHORT_ID]}" if each["userId"] else each["actor"]
        table.add_row(str(each["sequence"]), local_time(each["at"]), actor, action, each["target"], _changed(each) or NONE, each["address"] or NONE)
    return table


def verified(document: Json) -> Text:
    erased = f" Personal data of {document['erased']} entries was erased with accounts." if document["erased"] else ""
    begin = f" after entry {document['after']}" if document["after"] else ""
    if document["removedOn"]:
        begin += f" (those before were removed after their retention, as an entry of {document['removedOn'][:10]} records)"
    elif document["after"]:
        begin += f" (no entry says that those before were removed: the file before this one must end with {document['begin']})"
    return Text(f"✓ {document['entries']} entries{begin} verify.{erased} Head: {document['head']}")


def _changed(entry: Json) -> str:
    """Return `name: former → new` of each value."""
    before, after = entry["before"] or {}, entry["after"] or {}
    texts = []
    for name in dict.fromkeys((*before, *after)):
        values = [_value(side[name]) for side in (before, after) if name in side]
        texts.append(f"{name}: {' → '.join(values)}")
    return ", ".join(texts)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return NONE if value is None else str(value)
