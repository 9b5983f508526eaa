"""Webhooks, their deliveries and the event types."""

from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import NONE, age, status_text
from cli.render.tables import Column, Facts, Table

Json = dict[str, Any]


def webhooks(items: list[Json]) -> RenderableType:
    if not items:
        return Text("No webhooks.")
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("state"), Column("events"), Column("created", drop=1), Column("id"))
    for each in items:
        note = f" ({each['description']})" if each["description"] else ""
        table.add_row(_state(each), ", ".join(each["eventTypes"]), age(each["createdAt"]), ids[each["id"]], details=[f"{each['url']}{note}"])
    return table


def webhook(found: Json) -> RenderableType:
    facts = [
        ("URL", found["url"]),
        ("events", ", ".join(found["eventTypes"])),
        ("state", _state(found)),
        ("description", found["description"] or NONE),
    ]
    if found.get("createdBy"):
        facts.append(("created by", found["createdBy"]))
    if found["failingSince"]:
        facts.append(("failing since", age(found["failingSince"])))
    if found["previousSecretExpiresAt"]:
        facts.append(("previous secret until", age(found["previousSecretExpiresAt"])))
    return Facts(*facts, ("id", found["id"]))


def created(found: Json) -> RenderableType:
    return Facts(("URL", found["url"]), ("events", ", ".join(found["eventTypes"])), ("secret", found["secret"]), ("id", found["id"]))


def deliveries(items: list[Json]) -> RenderableType:
    if not items:
        return Text("No deliveries.")
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("state"), Column("event"), Column("created"), Column("attempts", drop=1, is_right=True), Column("id"))
    for each in items:
        again = f", again {age(each['nextAttemptAt'])}" if each["nextAttemptAt"] and each["attempts"] else ""
        details = [f"{each['response']}{again}"] if each["response"] else []
        state = status_text(each["state"])
        table.add_row(state, each["eventType"], age(each["createdAt"]), str(each["attempts"]), ids[each["id"]], details=details)
    return table


def event_types(items: list[Json]) -> RenderableType:
    table = Table(Column("type"), Column("when"))
    for each in items:
        table.add_row(Text(each["type"], "bold"), each["summary"])
    return table


def _state(found: Json) -> str:
    return "enabled" if found["isEnabled"] else f"disabled ({found['disabledReason']})"
