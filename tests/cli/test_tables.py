"""Tables at 140, 80 and 40 columns: no word, id or URL is folded, and nothing important is left out."""

import io
from typing import Any

import pytest
from rich.console import Console, Group, RenderableType
from rich.text import Text

from cli.render import alerts, apps, billing, deployments, environments, observe, releases
from cli.render.tables import Column, Facts, Prose, Table, wrap_words

WIDTHS = (140, 80, 40)
IDS = ["01a20315-da05-70b5-a4cb-338095110690", "01a20315-c69a-77dc-855f-a3b140186488"]
URL = "http://a-rather-long-application-name-production.apps.capsule.example.org"
AT = "2026-01-01T00:00:00Z"
EUR = {"amount": 2000, "currency": "EUR"}
PERIOD = {"begin": AT, "end": "2026-02-01T00:00:00Z"}


def render(renderable: RenderableType, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable, soft_wrap=True)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def deployment(id: str) -> dict[str, Any]:
    return {
        "id": id, "environment": "production", "cause": "promotion", "status": "rolled-back", "reason": "failing-requests", "commit": "c" * 40,
        "release": 12, "rolledBackTo": 11, "url": URL, "requestedAt": AT, "finishedAt": AT, "correlationId": IDS[1], "detail": "11 of 36 failed.",
        "previousRelease": 11, "ref": None, "steps": [{"step": "rolling-back", "startedAt": AT, "finishedAt": AT, "attempts": 1, "error": None}],
    }  # fmt: skip


def alert(id: str) -> dict[str, Any]:
    return {
        "id": id, "application": "a-rather-long-name", "environment": "production", "kind": "deployment-rolled-back", "state": "firing",
        "summary": "a-rather-long-name: deployment to production failed.\nMore.", "occurrences": 3, "acknowledgedAt": None, "notifiedAt": AT,
        "beganAt": AT,
    }  # fmt: skip


SERVING = {
    "name": "production", "url": URL, "release": 11, "commit": "c" * 40,
    "stoppedAt": None, "pausedAt": None, "pauseReason": None, "summary": "r11 serving · last deployment (r12) rolled back (failing-requests)",
}  # fmt: skip
STORAGE_LIMITS = ("dataServices", "dataServicesMib", "volumes", "volumesMib", "backups", "backupsMib")
SIZE = {"minScale": 0, "maxScale": 10, "memoryMib": 512, "cpuMillis": 1000, "observationSeconds": 60}
POINT = {
    "at": AT, "requests": 1234, "byStatus": {"2xx": 1200, "5xx": 34}, "p50LatencyMs": 1.0, "p95LatencyMs": 1234.5, "cpuMilliseconds": 50,
    "memoryMaxBytes": 2**23,
}  # fmt: skip
ENTRY = {
    "at": AT, "durationMs": 4.4, "kind": "command", "cold": True, "outcome": "done", "depth": 1, "name": "deploy.on_deployment_requested",
    "emitted": ["deployment.requested", "deployment.timed-out"],
}  # fmt: skip
ENTRIES = {
    "released": None,
    "entries": [{"name": "DATABASE_URL", "secret": False, "value": URL, "version": 3, "scope": "environment", "changedAt": AT}],
}

DOCUMENTS: dict[str, tuple[RenderableType, list[str]]] = {
    "applications": (
        apps.applications([{"id": each, "name": "hello", "repository": URL, "createdAt": AT} for each in IDS]), ["hello", URL, IDS[0][:10]],
    ),
    "application": (
        apps.application({"id": IDS[0], "name": "hello", "repository": URL, "createdAt": AT, "environments": [SERVING]}),
        [IDS[0], URL, "production", "r11 serving", "(r12)", "(failing-requests)"],
    ),
    "deployments": (
        deployments.deployments([deployment(each) for each in IDS]), ["01a20315-d", "01a20315-c", "production", "r12", "failing-requests", "r11"],
    ),
    "deployment": (deployments.deployment(deployment(IDS[0])), [*IDS, URL, "rolled-back", "rolling-back", "c" * 40, "11 of 36 failed."]),
    "succeeded": (deployments.succeeded(deployment(IDS[0])), ["r12", URL]),
    "alerts": (alerts.alerts([alert(each) for each in IDS]), ["firing", "a-rather-long-name", "01a20315-d", "deployment-rolled-back:", "times)"]),
    "alert rules": (
        alerts.rules([{"id": IDS[0], "kind": "deployment-rolled-back", "environment": None, "threshold": 0.05, "window": 300, "for": 0,
                       "noData": "keep", "preset": True}]), ["deployment-rolled-back", "01a20315"],
    ),
    "alert channels": (alerts.channels([{"id": IDS[0], "url": URL, "createdAt": AT}]), [URL, "01a20315"]),
    "deliveries": (
        alerts.deliveries([{"id": IDS[0], "state": "succeeded", "notice": "firing", "createdAt": AT, "attempts": 2, "answer": "204", "target": URL}]),
        [URL, "succeeded", "204"],
    ),
    "environments": (environments.environments([{**SERVING, **SIZE}]), ["production", URL, "r11", "0–10", "512 MiB"]),
    "settings": (environments.settings(ENTRIES), ["DATABASE_URL", URL]),
    "releases": (
        releases.releases([{"number": 12, "commit": "c" * 40, "kind": "python", "configVersion": 3, "createdAt": AT, "servesIn": ["production"]}]),
        ["r12", "c" * 12, "production"],
    ),
    "plans": (
        billing.plans([{"code": "business", "name": "Business", "fee": EUR, 
                        "allowed": {"applications": 100, "memoryMib": 131072, **dict.fromkeys(STORAGE_LIMITS, 512_000)},
                        "prices": [{"meter": "cpu_milliseconds", "included": 1_800_000_000}]}]),
        ["business", "20.00 EUR", "1,800,000", "512,000 MiB"],
    ),
    "invoices": (
        billing.invoices([
            {"number": "2026-000001", "status": "paid", "issuedAt": AT, "plan": "business", "period": PERIOD, "total": EUR, "credited": EUR}]),
        ["2026-000001", "paid", "20.00 EUR"],
    ),
    "bill": (
        Group(*billing.bill({
            "plan": {"name": "Pro", "fee": EUR}, "period": PERIOD, "charges": [],
            **dict.fromkeys(("total", "advance", "paid", "credited", "refunded", "disputed", "due"), EUR),
            "atPeriodEnd": {"at": AT, "plan": "pro", "usage": EUR, "fee": EUR, "credit": EUR, "total": EUR},
            "lines": [{"applicationId": IDS[0], "application": None, "isDeleted": False, "environment": "production", "requests": 12345,
                       "cpuMilliseconds": 1250, "cpuMeasuredUntil": AT, "amount": EUR},
                      {"applicationId": IDS[1], "application": "shop", "isDeleted": False, "environment": "", "cpuMeasuredUntil": None, "amount": EUR,
                       "databaseMibSeconds": 0, "redisMibSeconds": 0, "volumeMibSeconds": 744 * 1024 * 3600, "backupMibSeconds": 0}]}, {})),
        [IDS[0], "production", "12,345", "20.00 EUR", "shop", "storage", "744 GiB hours"],
    ),
    "usage": (
        billing.usage({"charges": [{"meter": "cpu_milliseconds", "quantity": 10**9, "included": 10**9, "billable": 0, "amount": EUR},
                                   {"meter": "volume_mib_seconds", "quantity": 1024 * 900, "included": 1024 * 3600, "billable": 0, "amount": EUR}]}),
        ["CPU seconds", "1,000,000", "20.00 EUR", "0.25"],
    ),
    "metrics": (
        observe.metrics({"total": POINT, "points": [POINT], "markers": [], "measuredUntil": AT}, 60), ["1,234 requests", "1,234.5 ms", "5xx 34"],
    ),
    "timeline": (
        observe.Timeline({"correlationId": IDS[0], "begin": AT, "entries": [ENTRY]}),
        [IDS[0], "deploy.on_deployment_requested", "deployment.requested", "deployment.timed-out", "(cold)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_important_values_are_shown_in_one_piece(name: str, width: int) -> None:
    renderable, values = DOCUMENTS[name]
    text = render(renderable, width)
    missing = [value for value in values if value not in text]
    assert not missing, (missing, text)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_line_is_longer_than_the_terminal_only_if_one_value_is(name: str, width: int) -> None:
    renderable, _ = DOCUMENTS[name]
    for line in render(renderable, width).splitlines():
        words = line.split()
        assert len(line) <= width or max(map(len, words)) > width - 25, (len(line), line)


def rows(width: int, table: Table) -> list[str]:
    return render(table, width).splitlines()


def example() -> Table:
    table = Table(Column("id"), Column("name", drop=1), Column("count", drop=2, is_right=True), Column("state"))
    table.add_row("0123456789", "a name", "7", "ready", details=["", "https://example.org/" + "x" * 40])
    table.add_row("9876543210", "b", "1,234", Text("failed", "red"))
    return table


def test_columns_are_aligned_and_numbers_are_on_the_right() -> None:
    assert rows(80, example()) == [
        "id          name    count  state",
        "0123456789  a name      7  ready",
        "  https://example.org/" + "x" * 40,
        "9876543210  b       1,234  failed",
    ]


def test_the_least_important_columns_are_left_out_first() -> None:
    assert rows(30, example())[0] == "id          name    state"
    assert rows(20, example())[0] == "id          state"


def test_a_table_that_does_not_fit_becomes_blocks_with_all_values() -> None:
    text = render(example(), 15)
    assert [value for value in ("0123456789", "a name", "1,234", "failed", "x" * 40) if value not in text] == []
    assert "\n\n" in text


def test_a_pipe_has_all_columns() -> None:
    assert "count" in rows(10_000, example())[0]


def test_prose_breaks_at_spaces_only() -> None:
    lines = [each.plain for each in wrap_words(Text("one two " + "x" * 30 + " three\n  indented text"), 12)]
    assert lines == ["one two", "x" * 30, "three", "  indented", "  text"]
    assert render(Prose("one two three"), 8) == "one two\nthree\n"


def test_facts_are_aligned_and_long_values_hang() -> None:
    facts = Facts(("id", "1"), ("repository", "a sentence of several words that is long"))
    assert render(facts, 40) == "id          1\nrepository  a sentence of several words\n            that is long\n"
    assert render(facts, 25).splitlines()[2:4] == ["repository", "  a sentence of several"]


def test_a_row_needs_a_cell_for_every_column() -> None:
    with pytest.raises(ValueError, match="1 cells for 4 columns"):
        example().add_row("only one")


def test_a_style_ends_with_its_value() -> None:
    """`Text.__add__` would extend the style of the left operand."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    console.print(Facts(("name", "value")), soft_wrap=True)
    console.print(observe.log_line({"at": AT, "environment": "staging", "component": "run", "stream": "stdout", "line": "hello"}), soft_wrap=True)
    assert isinstance(console.file, io.StringIO)
    facts, log = console.file.getvalue().splitlines()
    assert facts == "\x1b[2mname  \x1b[0mvalue" and log.endswith("\x1b[0mhello")
