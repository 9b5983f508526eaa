"""Alerts, alert rules, alert channels and deliveries."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import NONE, age, status_text
from cli.render.tables import Column, Facts, Table

Json = Mapping[str, Any]


def alerts(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No alerts.")
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("state"), Column("application"), Column("environment", drop=1), Column("began"), Column("notified", drop=2), Column("id"))
    for each in items:
        notified = "acknowledged" if each["acknowledgedAt"] else age(each["notifiedAt"])
        times = f" ({each['occurrences']} times)" if each["occurrences"] > 1 else ""
        table.add_row(
            status_text(each["state"]),
            Text(each["application"], "bold"),
            each["environment"],
            age(each["beganAt"]),
            notified,
            ids[each["id"]],
            details=[f"{each['kind']}: {each['summary'].partition(chr(10))[0].removesuffix(' Last output:')}{times}"],
        )
    return table


def deliveries(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No notifications yet.")
    table = Table(Column("state"), Column("notification"), Column("created"), Column("attempts", drop=1, is_right=True))
    for each in items:
        answer = f": {each['answer']}" if each["answer"] else ""
        table.add_row(
            status_text(each["state"]), each["notice"], age(each["createdAt"]), str(each["attempts"]), details=[f"{each['target']}{answer}"]
        )
    return table


def rules(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No alert rules.")
    ids = short_ids(each["id"] for each in items)
    table = Table(
        Column("kind"),
        Column("environment", drop=1),
        Column("threshold", is_right=True),
        Column("window", drop=2, is_right=True),
        Column("for", drop=3, is_right=True),
        Column("no data", drop=4),
        Column("preset", drop=5),
        Column("id"),
    )
    for each in items:
        spans = [f"{each[name]} s" if each[name] is not None else NONE for name in ("window", "for")]
        preset = "yes" if each["preset"] else "no"
        table.add_row(
            Text(each["kind"], "bold"), each["environment"] or "all", threshold(each), *spans, each["noData"] or NONE, preset, ids[each["id"]]
        )
    return table


def threshold(rule: Json) -> str:
    value = rule["threshold"]
    if value is None:
        return NONE
    return f"{value * 100:g} %" if rule["kind"] == "error-rate" else f"{value:g} ms"


def channels(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No alert channels. Alerts go to your e-mail address only.")
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("id"), Column("created"))
    for each in items:
        table.add_row(ids[each["id"]], age(each["createdAt"]), details=[each["url"]])
    return table


def channel(created: Json) -> RenderableType:
    return Facts(("URL", created["url"]), ("secret", created["secret"]), ("id", created["id"]))
