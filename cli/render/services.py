"""Data services: their state, bindings, limits and use. Never a URL."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import NONE, age, or_none, time_and_age
from cli.render.tables import Column, Facts, Table

Json = Mapping[str, Any]
STYLES = {"ready": "green", "creating": "yellow", "failed": "red", "deleted": "dim", "purging": "dim"}


MAX_STATEMENT = 100
EVICTION = ": keys with a time to live are evicted when it is full"


def services(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No data services yet.")
    table = Table(Column("service"), Column("kind"), Column("plan", drop=1), Column("state"), Column("bound to"), Column("created", drop=2))
    for each in items:
        state = Text(each["state"], STYLES.get(each["state"], ""))
        table.add_row(Text(each["name"], "bold"), each["kind"], each["plan"] or NONE, state, _bindings(each), age(each["requestedAt"]))
    return table


def service(view: Json) -> RenderableType:
    limits = view["maxConnections"] is not None
    return Facts(
        ("service", Text(view["name"], "bold")),
        ("id", view["id"]),
        ("kind", view["kind"]),
        ("state", Text(view["state"], STYLES.get(view["state"], ""))),
        *((("error", view["error"]),) if view["error"] else ()),
        ("bound to", _bindings(view)),
        *((("plan", f"{view['plan']}, moving to {view['scalingPlan']}" if view.get("scalingPlan") else view["plan"]),) if view["plan"] else ()),
        *((("storage", f"{or_none(view['storageUsedMib'])} of {view['storageMib']} MiB"),) if limits else ()),
        *((("connections", f"{or_none(view['connections'])} of {view['maxConnections']}"),) if limits else ()),
        *((("memory", f"{view['memoryMib']} MiB{EVICTION if view['kind'] == 'redis' else ''}"),) if view["memoryMib"] else ()),
        *((("processor", f"{view['cpuMillis'] / 1000:g} cores of its own server"),) if view["cpuMillis"] else ()),
        *((("statement timeout", f"{view['statementTimeoutSeconds']} s, unless a session changes it"),) if view["statementTimeoutSeconds"] else ()),
        *((("read-only", f"since {time_and_age(view['storageExceededAt'])}: delete data"),) if view["storageExceededAt"] else ()),
        ("created", time_and_age(view["requestedAt"])),
        *((("credentials", f"rotated {age(view['rotatedAt'])}"),) if view["rotatedAt"] else ()),
        *((("deleted for good", time_and_age(view["purgeAt"])),) if view["purgeAt"] else ()),
    )


def metrics(view: Json) -> RenderableType:
    is_redis = view["kind"] == "redis"
    has_server = view["memoryLimitBytes"] is not None
    ratio = view["hitRatio"]
    slow = [
        f"{each['maxMilliseconds']:.0f} ms, {each['calls']}×: {' '.join(each['text'].split())[:MAX_STATEMENT]}" for each in view["slowStatements"]
    ]
    return Facts(
        ("service", Text(view["name"], "bold")),
        *((("server", "running" if view["isRunning"] else "stopped: it starts at the next connection"),) if has_server else ()),
        ("storage", f"{mebibytes(view['storageBytes'])} of {mebibytes(view['storageLimitBytes'])}"),
        *((("memory", f"{mebibytes(view['memoryBytes'])} of {mebibytes(view['memoryLimitBytes'])}"),) if has_server else ()),
        ("connections", f"{view['connections']} of {view['maxConnections']}"),
        ("hit ratio", NONE if ratio is None else f"{ratio:.1%}"),
        ("commands" if is_redis else "transactions", or_none(view["operations"])),
        ("evicted keys" if is_redis else "rolled back", or_none(view["failures"])),
        *((("slowest", "\n".join(slow)),) if slow else ()),
    )


def log(view: Json) -> RenderableType:
    return Text("\n".join(view["lines"]) if view["lines"] else "No lines. Small databases share a server; other servers write when they start.")


def mebibytes(count: int | None) -> str:
    return NONE if count is None else f"{count / 2**20:.1f} MiB"


def deletion(view: Json) -> str:
    if view["kind"] == "external":
        return f"✓ {view['name']} is removed. The server stays as it is."
    return f"✓ {view['name']} is deleted. Its data are kept until {time_and_age(view['purgeAt'])}."


def _bindings(view: Json) -> str:
    return ", ".join(f"{each['environment']} ({each['variable']})" for each in view["bindings"]) or NONE
