"""Domains: what is missing in DNS, and the state of their certificates. Never a key."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.render.formats import NONE, age, time_and_age
from cli.render.tables import Column, Facts, Table

Json = Mapping[str, Any]
OWN = "own"
WARN_BEFORE = timedelta(days=14)
"""The end of an uploaded certificate, which Capsule does not renew."""
STYLES = {"verified": "green", "pending": "yellow"}


def added(view: Json) -> RenderableType:
    return Group(Text(f"✓ {view['host']} is added to {view['environment']}. Create one of these at your DNS provider:"), _records(view))


def domains(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No domains yet.")
    table = Table(Column("domain"), Column("environment", drop=1), Column("state"), Column("certificate"), Column("missing", drop=2))
    for each in items:
        state = Text(each["state"], STYLES.get(each["state"], ""))
        table.add_row(Text(each["host"], "bold"), each["environment"], state, _certificate(each["certificate"]), "DNS" if each["problem"] else NONE)
    return table


def domain(view: Json) -> RenderableType:
    found = view["certificate"]
    facts = Facts(
        ("domain", Text(view["host"], "bold")),
        ("environment", view["environment"]),
        ("state", Text(view["state"], STYLES.get(view["state"], ""))),
        *((("proof", view["proof"].upper()),) if view["proof"] else ()),
        *((("missing", Text(view["problem"], "yellow")),) if view["problem"] else ()),
        *((("leads elsewhere", f"since {time_and_age(view['lostAt'])}; served for a week"),) if view["lostAt"] else ()),
        ("checked", time_and_age(view["checkedAt"])),
        ("certificate", _certificate(found)),
        *((("DNS-01", _challenge(view)),) if view.get("challenge") else ()),
        *((("last failure", Text(found["failure"], "red")),) if found["failure"] else ()),
        *((("next attempt", time_and_age(found["nextAttemptAt"])),) if found["nextAttemptAt"] else ()),
        ("redirect", "HTTP leads to HTTPS" if view["redirects"] else "off"),
        ("HSTS", f"{view['hstsSeconds']} s" if view["hstsSeconds"] is not None else "off"),
    )
    return facts if view["state"] == "verified" and not view["problem"] else Group(facts, Text(), _records(view))


def _ends_soon(expires_at: str) -> bool:
    return datetime.fromisoformat(expires_at) - datetime.now(UTC) < WARN_BEFORE


def _records(view: Json) -> RenderableType:
    table = Table(Column("name"), Column("type"), Column("value"))
    for each in view["records"]:
        table.add_row(each["name"], each["type"], each["value"])
    return table


def _challenge(view: Json) -> Text:
    """`view`: of an installation with a DNS hook."""
    record = view["challenge"]
    if view["isDelegated"]:
        return Text("challenges lead here", "green")
    return Text(f"optional: {record['name']} {record['type']} {record['value']}", "dim")


def _certificate(found: Json) -> Text:
    if found["source"] is None:
        return Text(f"none, {found['failures']} failures" if found["failures"] else NONE, "red" if found["failures"] else "")
    if found["expiresAt"] is None:
        return Text("of cert-manager")
    style = "red" if found["failures"] else "yellow" if found["source"] == OWN and _ends_soon(found["expiresAt"]) else "green"
    return Text(f"{found['issuer']}, expires {age(found['expiresAt'])}", style)
