"""Health, functions and queues of the installation."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import NONE, age, count, status_text
from cli.render.tables import Column, Table

Json = Mapping[str, Any]
CHECKS = {"pass": Text("works", "green"), "warn": Text("suspect", "yellow"), "fail": Text("fails", "red")}
CIRCUITS = {"closed": "green", "half-open": "yellow", "open": "red"}


def health(document: Json) -> Iterator[RenderableType]:
    bus = document["metadata"]["bus"]
    yield f"{document['status']} · RabbitMQ {'connected' if bus['connected'] else 'not connected'} · version {document['metadata']['version']}"
    table = Table(
        Column("context"), Column("state"), Column("database", drop=3, is_right=True), Column("outbox", drop=1, is_right=True),
        Column("oldest", drop=2, is_right=True), Column("parked", drop=4, is_right=True), Column("dead letters", drop=1, is_right=True),
        Column("circuit"), Column("in progress", drop=5, is_right=True), Column("waiting", drop=5, is_right=True),
    )  # fmt: skip
    for each in document["services"]:
        metadata, gateway = each.get("metadata") or {}, each.get("gateway") or {}
        messages, database = metadata.get("messages") or {}, metadata.get("database") or {}
        circuit = str(gateway.get("circuit", NONE))
        table.add_row(
            Text(str(each["service"]).removesuffix("-service"), "bold"),
            CHECKS.get(each["check"], Text(str(each["check"]))),
            f"{database['responseTime']:.1f} ms" if database.get("connected") else "away" if database else NONE,
            _number(messages.get("outbox")),
            f"{messages['outboxOldestSeconds']:.0f} s" if messages.get("outbox") else NONE,
            _number(messages.get("parked")),
            _number(messages.get("deadLetters")),
            Text(circuit, CIRCUITS.get(circuit, "")),
            _number(gateway.get("inProgress")),
            _number(gateway.get("waiting")),
            details=[each.get("detail", "")],
        )
    yield table
    yield from document.get("notices") or ()


def functions(document: Json, *, is_complete: bool) -> Iterator[RenderableType]:
    services: Sequence[Json] = document["services"]
    states = {state: sum(each["state"] == state for each in services) for state in ("running", "starting", "zero", "failed")}
    yield f"{states['zero']} at zero, {states['running'] + states['starting']} running, {states['failed']} failed"
    executed: dict[str, Json] = {each["function"]: each for each in document["metrics"]}
    visible = [each for each in services if is_complete or each["state"] != "zero" or any(name in executed for name in each["functions"])]
    if not visible:
        return
    table = Table(
        Column("service"), Column("state"), Column("instances", is_right=True), Column("restarts", drop=3, is_right=True),
        Column("executions", drop=2, is_right=True), Column("failed", drop=1, is_right=True), Column("p95", drop=4, is_right=True),
        Column("cold starts", drop=5, is_right=True),
    )  # fmt: skip
    for each in sorted(visible, key=lambda each: (each["state"] != "failed", each["service"])):
        found = [executed[name] for name in each["functions"] if name in executed]
        table.add_row(
            Text(each["service"], "bold"),
            status_text(each["state"]) if each["state"] == "failed" else Text(each["state"], "dim" if each["state"] == "zero" else "green"),
            count(each["instances"]),
            count(each["restarts"]),
            count(sum(one["executions"] for one in found)),
            count(sum(one["failed"] for one in found)),
            f"{max(one['p95Ms'] for one in found):.0f} ms" if found else NONE,
            count(sum(one["coldStarts"] for one in found)),
            details=[each["detail"]],
        )
    yield table


def queues(view: Json, *, is_complete: bool) -> Iterator[RenderableType]:
    stuck = f"{view['stuck']} stuck" if view["stuck"] else "none stuck"
    yield (
        f"{count(view['ready'])} ready, {count(view['unacknowledged'])} unacknowledged, {count(view['consumers'])} consumers · {stuck} · "
        f"{count(view['delayed'])} delayed on purpose · {age(view['at'])}"
    )
    visible = [each for each in view["queues"] if is_complete or each["ready"] or each["unacknowledged"]]
    if not visible:
        return
    table = Table(
        Column("queue"), Column("kind", drop=2), Column("ready", is_right=True), Column("unacknowledged", is_right=True),
        Column("consumers", drop=1, is_right=True), Column(""),
    )  # fmt: skip
    for each in visible:
        table.add_row(
            Text(each["service"] or each["name"], "bold"),
            each["kind"],
            count(each["ready"]),
            count(each["unacknowledged"]),
            count(each["consumers"]),
            Text("stuck", "red") if each["isStuck"] else "",
        )
    yield table


def _number(value: int | None) -> str:
    return NONE if value is None else count(value)
