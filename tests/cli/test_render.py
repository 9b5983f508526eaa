"""What people read: money as they write it, states they can tell apart, nothing of an answer taken for markup."""

import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from cli.render import apps, billing, deployments, observe
from cli.render.words import day, duration, money

EUR = {"amount": 0, "currency": "EUR"}


def read(*what: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=160)
    for each in what:
        console.print(each)
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


@pytest.mark.parametrize(
    ("amount", "currency", "said"), [(0, "EUR", "0.00 EUR"), (1905, "eur", "19.05 EUR"), (-5, "USD", "-0.05 USD"), (700, "JPY", "700 JPY")]
)
def test_money(amount: int, currency: str, said: str) -> None:
    assert money({"amount": amount, "currency": currency}) == said


def test_time() -> None:
    assert day("2026-11-22T23:59:59+00:00") == "2026-11-22"
    assert (duration(1.26), duration(125)) == ("1.3 s", "2 min 5 s")


def deployment(**more: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": "d-1", "applicationId": "a-1", "environment": "staging", "ref": None, "status": "succeeded", "reason": None, "detail": None,
        "commit": "0123456789abcdef", "release": 3, "url": "http://hello-staging.localhost:7080", "requestedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:00:09Z", "steps": [], "correlationId": "c-1", "cause": "deploy", 
        "previousRelease": 2, "rolledBackTo": None,
    }  # fmt: skip
    return {**said, **more}


def test_a_deployment_that_succeeded() -> None:
    said = read(deployments.succeeded(deployment()))
    assert "release 3, commit 0123456789ab, in 9.0 s" in said and "http://hello-staging.localhost:7080" in said


def test_a_deployment_that_failed_says_why() -> None:
    failed = deployment(status="failed", reason="build-failed", detail="no such package [red]x[/]", release=None, url=None)
    assert deployments.failure_title(failed) == "The deployment failed: build-failed"
    assert "no such package [red]x[/]" in read(deployments.deployment(failed))


def test_a_rollback_is_shown_as_one() -> None:
    back = deployment(status="rolled-back", reason="failing-requests", detail="7 of 9 requests", rolledBackTo=2)
    assert deployments.failure_title(back) == "The deployment failed, rolled back to r2: failing-requests"
    assert "rolled-back: failing-requests (back to r2)" in read(deployments.listed([back]))


def test_names_are_not_markup() -> None:
    created = {"id": "a-1", "name": "[bold]x", "repository": "http://example.org/[red]", "createdAt": "2026-01-01T00:00:00Z"}
    assert "[bold]x" in read(apps.created(created)) and "[red]" in read(apps.created(created))
    assert "http://example.org/[red]" in read(apps.applications([created]))


def test_a_bill_names_applications_that_are_there_and_shows_the_id_of_those_that_are_gone() -> None:
    line = {"environment": "staging", "requests": 101, "cpuMilliseconds": 1250, "amount": EUR}
    bill = {
        "period": {"begin": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"}, "plan": {"name": "Free", "fee": EUR}, "total": EUR,
        "lines": [{"applicationId": "a-1", **line}, {"applicationId": "a-2", **line}], "charges": [],
    }  # fmt: skip
    said = read(*billing.bill(bill, {"a-1": "hello"}))
    assert "hello" in said and "a-2" in said and "101" in said and "1.250" in said


def test_metrics_without_requests_have_no_table() -> None:
    none = {"requests": 0, "byStatus": {}, "p50LatencyMs": None, "p95LatencyMs": None, "cpuMilliseconds": 0, "memoryMaxBytes": None}
    found = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z", "step": 60, "total": none, "points": [none], "markers": []}
    assert "0 requests in 60 min" in read(observe.metrics(found)) and "statuses" not in read(observe.metrics(found))


def test_a_timeline_shows_causes_as_depth_and_outcomes_that_are_not_well() -> None:
    entry = {
        "at": "2026-01-01T00:00:00Z",
        "durationMs": 4.4,
        "kind": "command",
        "cold": True,
        "outcome": "done",
        "emitted": ["x.y"],
        "depth": 1,
        "name": "deploy.deploy",
    }
    found = {"correlationId": "c-1", "begin": "2026-01-01T00:00:00Z", "entries": [entry, {**entry, "outcome": "rejected", "emitted": []}]}
    said = read(observe.timeline(found))
    assert "  command deploy.deploy (cold) → x.y" in said and "rejected" in said


def test_an_applications_disk() -> None:
    found = {"images": 3, "imagesBytes": 102 * 2**20, "cacheBytes": 3 * 2**29, "instancesBytes": 12 * 2**10, "measuredAt": "2026-01-01T00:00:00Z"}
    assert read(apps.disk(found)) == "disk   images 3, 102 MiB · cache 1.5 GiB · instances 12 KiB\n"
    assert "cache not measured · instances not measured" in read(apps.disk({**found, "cacheBytes": None, "instancesBytes": None}))
    assert read(apps.disk(None)) == "disk   not measured\n"
