"""Alerts, rules, channels and deliveries."""

from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cli.render.words import facts, grid, moment, number, state

Json = dict[str, Any]


def alerts(items: list[Json]) -> RenderableType:
    if not items:
        return "Nothing is or was wrong."
    table = grid("state", "application", "environment", "what", "began", "told", "id")
    for each in items:
        told = "acknowledged" if each["acknowledgedAt"] else moment(each["notifiedAt"])
        times = f" ({each['occurrences']} times)" if each["occurrences"] > 1 else ""
        what = Text(f"{each['kind']}: {each['summary'].partition(chr(10))[0]}{times}")
        table.add_row(state(each["state"]), Text(each["application"], "bold"), each["environment"], what, moment(each["beganAt"]), told, each["id"])
    return table


def deliveries(items: list[Json]) -> RenderableType:
    if not items:
        return "Nothing was told yet."
    table = grid("at", "to", "what", "became", "tries", "answer", right=("tries",))
    for each in items:
        table.add_row(
            moment(each["createdAt"]), Text(each["target"]), each["notice"], state(each["state"]), str(each["attempts"]), Text(each["answer"])
        )
    return table


def rules(items: list[Json]) -> Table:
    table = grid("kind", "environment", "threshold", "window", "for", "id", right=("threshold", "window", "for"))
    for each in items:
        spans = [f"{each[name]} s" if each[name] is not None else "–" for name in ("window", "for")]
        kind = Text(each["kind"], "bold") + Text(" (preset)" if each["preset"] else "", "dim")
        table.add_row(kind, each["environment"] or "each", threshold(each), *spans, each["id"])
    return table


def threshold(rule: Json) -> str:
    value = rule["threshold"]
    if value is None:
        return "–"
    return f"{value * 100:g} %" if rule["kind"] == "error-rate" else f"{value:g} ms"


def channels(items: list[Json]) -> RenderableType:
    if not items:
        return "Alerts go to your mail only: capsule alert-channels add URL"
    table = grid("address", "since", "id")
    for each in items:
        table.add_row(Text(each["url"]), moment(each["createdAt"]), each["id"])
    return table


def channel(created: Json) -> Table:
    return facts(("address", created["url"]), ("secret", created["secret"]), ("id", number(created["id"])))
