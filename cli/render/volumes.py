"""Volumes: their state, where they are attached, and how full they are."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import NONE, age, time_and_age
from cli.render.tables import Column, Facts, Table
from cli.sizes import format_mib

Json = Mapping[str, Any]
STYLES = {"ready": "green", "creating": "yellow", "failed": "red", "deleted": "dim", "purging": "dim", "deleting": "dim"}
NEARLY_FULL = 0.9


def volumes(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No volumes yet.")
    table = Table(Column("volume"), Column("size"), Column("used"), Column("state"), Column("attached to"), Column("created", drop=1))
    for each in items:
        table.add_row(Text(each["name"], "bold"), _size(each), _used(each), _state(each), _attachment(each), age(each["requestedAt"]))
    return table


def volume(view: Json) -> RenderableType:
    return Facts(
        ("volume", Text(view["name"], "bold")),
        ("id", view["id"]),
        ("state", _state(view)),
        *((("error", view["error"]),) if view["error"] else ()),
        ("size", _size(view)),
        ("used", _used(view)),
        ("attached to", _attachment(view)),
        ("created", time_and_age(view["requestedAt"])),
        *((("deleted for good", time_and_age(view["purgeAt"])),) if view["purgeAt"] else ()),
    )


def snapshots(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No snapshots yet.")
    table = Table(Column("snapshot"), Column("state"), Column("size"), Column("made"))
    for each in items:
        table.add_row(Text(each["id"], "bold"), _state(each), format_mib(each["sizeMib"]), time_and_age(each["readyAt"] or each["requestedAt"]))
    return table


def deletion(view: Json) -> str:
    return f"✓ {view['name']} is deleted. Its files are kept until {time_and_age(view['purgeAt'])}."


def _size(view: Json) -> str:
    """What it has, and what it is to have."""
    size, requested = format_mib(view["sizeMib"]), view.get("requestedSizeMib")
    if requested is None:
        return size
    return f"{size} (not {format_mib(requested)})" if view["error"] else f"{size}, growing to {format_mib(requested)}"


def _state(view: Json) -> Text:
    return Text(view["state"], STYLES.get(view["state"], ""))


def _used(view: Json) -> Text:
    if view["usedBytes"] is None:
        return Text(NONE)
    used_mib = view["usedBytes"] / 2**20
    is_nearly_full = used_mib >= view["sizeMib"] * NEARLY_FULL
    return Text(f"{format_mib(used_mib)} ({used_mib * 100 / view['sizeMib']:.0f} %)", "red" if is_nearly_full else "")


def _attachment(view: Json) -> str:
    if view["environment"] is None:
        return NONE
    return f"{view['environment']} at {view['mountPath']} ({', '.join(view['processes']) or 'all processes'})"
