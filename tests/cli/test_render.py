"""Rendered documents: values and their units, states and reasons, and no markup in data."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console, RenderableType

from cli.commands.operator import parse_amount
from cli.failures import UsageError
from cli.render import apps, billing, deployments, observe, operator
from cli.render.failure_hints import failure_hint
from cli.render.formats import age, cpu_seconds, day, duration, money, period, quantity

EUR = {"amount": 0, "currency": "EUR"}

NO_SETTINGS = {
    "image": None, "branch": None, "directory": None, "builder": "auto", "buildCommand": None, "startCommand": None, "releaseCommand": None,
    "healthPath": None,
    "port": None,
}  # fmt: skip


def render(*renderables: RenderableType, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width)
    for each in renderables:
        console.print(each, soft_wrap=True)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (0, "EUR", "0.00 EUR"),
        (1905, "eur", "19.05 EUR"),
        (-5, "USD", "-0.05 USD"),
        (700, "JPY", "700 JPY"),
        (123456789, "EUR", "1,234,567.89 EUR"),
    ],
)
def test_amounts_have_separators_and_a_currency(amount: int, currency: str, text: str) -> None:
    assert money({"amount": amount, "currency": currency}) == text


def test_days_and_durations() -> None:
    assert day("2026-11-22T23:59:59+00:00") == "2026-11-22"
    assert (duration(1.26), duration(125), duration(3720)) == ("1.3 s", "2 min 5 s", "1 h 2 min")


def deployment(**fields: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": "d-1", "applicationId": "a-1", "environment": "staging", "ref": None, "status": "succeeded", "reason": None, "detail": None,
        "commit": "0123456789abcdef", "release": 3, "url": "http://hello-staging.localhost:7080", "requestedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:00:09Z", "steps": [], "correlationId": "c-1", "cause": "deploy", 
        "previousRelease": 2, "rolledBackTo": None,
    }  # fmt: skip
    return {**document, **fields}


def test_a_successful_deployment_names_release_commit_and_url() -> None:
    text = render(deployments.succeeded(deployment()))
    assert "r3 serving in staging · commit 0123456789ab · 9.0 s" in text and "http://hello-staging.localhost:7080" in text


def test_a_failed_deployment_shows_its_reason() -> None:
    failed = deployment(status="failed", reason="build-failed", detail="no such package [red]x[/]", release=None, url=None)
    assert deployments.failure_title(failed) == "Deployment failed: build-failed"
    assert "no such package [red]x[/]" in render(deployments.deployment(failed))


def test_a_rolled_back_deployment_names_the_release_that_serves() -> None:
    back = deployment(status="rolled-back", reason="failing-requests", detail="7 of 9 requests", rolledBackTo=2)
    assert deployments.failure_title(back) == "Deployment rolled back to r2: failing-requests"
    assert "rolled-back: failing-requests (back to r2)" in render(deployments.deployments([back]))


def test_data_is_not_read_as_markup() -> None:
    created = {"id": "a-1", "name": "[bold]x", "repository": "http://example.org/[red]", "createdAt": "2026-01-01T00:00:00Z"}
    created |= NO_SETTINGS
    assert "[bold]x" in render(apps.created(created)) and "[red]" in render(apps.created(created))
    assert "http://example.org/[red]" in render(apps.applications([created]))


def bill_view(*lines: dict[str, Any], **amounts: int) -> dict[str, Any]:
    line = {"environment": "staging", "requests": 101, "cpuMilliseconds": 1250, "amount": EUR, "application": None, "isDeleted": False}
    line |= {"cpuMeasuredUntil": None}

    def euros(name: str) -> dict[str, Any]:
        return {"amount": amounts.get(name, 0), "currency": "EUR"}

    end = {"at": "2026-02-01T00:00:00Z", "plan": "pro", **{name: euros(f"end_{name}") for name in ("usage", "fee", "credit", "total")}}
    return {
        "period": {"begin": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"}, "plan": {"name": "Free", "fee": EUR}, "atPeriodEnd": end,
        "lines": [{**line, **each} for each in lines], "charges": [],
        **{name: euros(name) for name in ("total", "advance", "paid", "credited", "refunded", "disputed", "due")},
    }  # fmt: skip


def test_a_bill_shows_names_of_applications_also_of_deleted_ones() -> None:
    known = {"applicationId": "a-1", "application": "hello", "cpuMeasuredUntil": "2026-01-03T10:00:05Z"}
    deleted = {"applicationId": "a-2", "application": "gone", "isDeleted": True}
    text = render(*billing.bill(bill_view(known, deleted, {"applicationId": "a-3"}, {"applicationId": "a-4"}), {"a-3": "old"}))
    assert "hello" in text and "gone (deleted)" in text and "old" in text and "a-4" in text and "101" in text and "1.250" in text
    assert "2026-01-01 to 2026-01-31" in text and "CPU is measured until 2026-01-03" in text


def test_a_bill_shows_what_a_bank_has_withdrawn() -> None:
    text = render(*billing.bill(bill_view(paid=2000, disputed=1500), {}))
    assert "15.00 EUR, withdrawn by the bank" in " ".join(text.split())


def test_a_bill_says_what_is_due_what_was_paid_and_what_comes() -> None:
    view = bill_view(advance=10_000, paid=9_802, due=0, total=9_802, credited=198, refunded=198, end_fee=10_000, end_usage=5, end_total=10_005)
    text = render(*billing.bill(view, {}))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in (
        *("cost so far 98.02 EUR", "in advance 100.00 EUR", "credited -1.98 EUR", "paid 98.02 EUR", "refunded 1.98 EUR", "due now 0.00 EUR"),
        "on 2026-02-01 100.05 EUR (0.05 EUR usage, 100.00 EUR plan pro)",
    ):
        assert line in lines, (line, lines)


def quota_view(status: str, detail: str = "", pauses_at: str | None = None) -> dict[str, Any]:
    standing = {"status": status, "restriction": None, "detail": detail, "pausesAt": pauses_at}
    stored = ("dataServices", "dataServicesMib", "volumes", "volumesMib", "backups", "backupsMib")
    return {
        **{"plan": "free", "standing": standing, "applications": {"limit": 5, "used": 1}, "memoryMib": {"limit": 2560, "used": 512}},
        **{name: {"limit": 2048, "used": 7} for name in stored},
    }


def requests(quantity: int, *, is_limit: bool = True) -> dict[str, Any]:
    charge = {"meter": "requests", "quantity": quantity, "included": 100_000, "billable": 0, "amount": EUR, "isLimit": is_limit}
    return {**bill_view(), "charges": [charge]}


def test_the_quota_shows_the_plan_the_limits_and_the_included_use() -> None:
    text = render(billing.quota(quota_view("good"), requests(79_999)))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines == [
        *("plan free", "status good", "applications 1 of 5", "memory 512 of 2,560 MiB"),
        *(f"{name} 7 of 2,048, 7 of 2,048 MiB" for name in ("data services", "volumes", "backups and snapshots")),
        "requests 79,999 of 100,000, 2026-01-01 to 2026-01-31",
    ]
    assert "requests" not in render(billing.quota(quota_view("good"), requests(5, is_limit=False)))


def test_warnings_say_from_80_percent_on_what_comes_and_later_what_stops_and_when() -> None:
    assert billing.warnings(quota_view("good"), None) == billing.warnings(quota_view("good"), requests(79_999)) == []
    assert billing.warnings(quota_view("good"), requests(90_000, is_limit=False)) == []
    (soon,) = billing.warnings(quota_view("good"), requests(85_500))
    assert "85 % of the requests" in soon
    why, until = billing.warnings(quota_view("restricted", "All of it is used.", "2026-01-03T10:00:00Z"), requests(100_000))
    assert why == "All of it is used." and until.startswith("Nothing new starts. What runs goes on until 2026-01-0")
    assert "are paused" in billing.warnings(quota_view("paused", "Why."), None)[1]


def test_a_cancellation_says_what_is_owed() -> None:
    owed = {"plan": "free", "takesEffectAt": None, "openInvoices": [{"number": "2026-000003", "total": {"amount": 733, "currency": "EUR"}}]}
    assert "You owe 7.33 EUR: capsule invoices pay 2026-000003" in render(*billing.cancelled(owed))
    assert "Nothing is due." in render(*billing.cancelled({"plan": "free", "takesEffectAt": "2026-02-01T00:00:00Z", "openInvoices": []}))


@pytest.mark.parametrize(("text", "minor"), [("5", 500), ("5.5", 550), ("5.05", 505), ("0.01", 1)])
def test_an_amount_is_read_exactly(text: str, minor: int) -> None:
    assert parse_amount(text) == minor


@pytest.mark.parametrize("text", ["", "0", "0.00", "-5", "5,00", "5.001", "5 EUR", "1e3", "5.", ".5", "٥"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_amount(text)


def test_operators_see_disputes_with_their_payment() -> None:
    dispute = {"providerId": "dp_1", "status": "open", "amount": EUR, "reason": "fraudulent"}
    payment = {"email": "ada@example.org", "status": "succeeded", "createdAt": "2026-01-01T00:00:00Z", "attempt": 1, "providerId": "pi_1",
               "amount": EUR, "detail": None, "disputes": [dispute]}  # fmt: skip
    assert "dispute dp_1: open" in render(operator.payments([payment]))
    customer = {"email": "ada@example.org", "plan": "pro", "status": "suspended", "owes": [EUR], "paymentAccount": "opened",
                "createdAt": "2026-01-01T00:00:00Z", "customerId": "c-1"}  # fmt: skip
    assert "ada@example.org" in render(operator.customers([customer])) and "No invoices." in render(operator.invoices([]))


def test_metrics_without_requests_have_no_table() -> None:
    none = {"requests": 0, "byStatus": {}, "p50LatencyMs": None, "p95LatencyMs": None, "cpuMilliseconds": 0, "memoryMaxBytes": None}
    view = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z", "step": 60, "total": none, "points": [none], "markers": [],
            "measuredUntil": None}  # fmt: skip
    text = render(observe.metrics(view, 60))
    assert "0 requests in the last 60 minutes" in text and "statuses" not in text


def test_a_timeline_shows_causes_as_depth_and_bad_outcomes() -> None:
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
    view = {"correlationId": "c-1", "begin": "2026-01-01T00:00:00Z", "entries": [entry, {**entry, "outcome": "rejected", "emitted": []}]}
    text = render(observe.Timeline(view))
    assert "  command deploy.deploy (cold) → x.y" in text and "rejected" in text


def test_disk_usage_has_binary_units() -> None:
    view = {"images": 3, "imagesBytes": 102 * 2**20, "cacheBytes": 3 * 2**29, "instancesBytes": 12 * 2**10, "measuredAt": "2026-01-01T00:00:00Z"}
    assert render(apps.disk(view)) == "disk   images 3, 102 MiB · cache 1.5 GiB · instances 12 KiB\n"
    assert "cache not measured · instances not measured" in render(apps.disk({**view, "cacheBytes": None, "instancesBytes": None}))
    assert render(apps.disk(None)) == "disk   not measured\n"


def test_times_are_relative() -> None:
    now = datetime(2026, 1, 10, tzinfo=UTC)
    ages = {seconds: age((now - timedelta(seconds=seconds)).isoformat(), now) for seconds in (12, 300, 7200, 3 * 86_400, -3600)}
    assert ages == {12: "12 s ago", 300: "5 min ago", 7200: "2 h ago", 3 * 86_400: "3 days ago", -3600: "in 1 h"}
    assert age("2025-11-01T12:00:00+00:00", now) == "2025-11-01"


def test_a_period_ends_with_its_last_day() -> None:
    assert period({"begin": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"}) == "2026-01-01 to 2026-01-31"
    assert period({"begin": "2026-01-01T11:47:00Z", "end": "2026-02-01T11:47:00Z"}) == "2026-01-01 to 2026-02-01"


def test_quantities_are_written_out_and_cpu_time_is_in_seconds() -> None:
    assert quantity("cpu_milliseconds", 1_800_000_000) == "1,800,000 CPU seconds"
    assert quantity("requests", 20_000_000) == "20,000,000 requests"
    assert (cpu_seconds(1250), cpu_seconds(0)) == ("1.250", "0")


def test_an_environment_names_what_serves_the_last_deployment_and_the_url() -> None:
    summary = "r1 serving · last deployment (r3) rolled back (failing-requests)"
    view = {"name": "staging", "url": "http://x", "release": 1, "commit": "0123456789abcdef", "stoppedAt": None, "pausedAt": None, "summary": summary}
    expected = "r1 serving (0123456789ab) · last deployment (r3) rolled back (failing-requests)\nhttp://x"
    assert apps.environment(view).plain == expected
    assert (
        apps.environment({**view, "release": None, "commit": None, "url": None, "stoppedAt": None, "summary": "nothing serving"}).plain
        == "nothing serving"
    )


def test_a_failed_build_has_its_cause_and_what_serves() -> None:
    failed = deployment(status="failed", reason="build-failed", detail="The installation failed: error: No solution\n  cause: none", release=None)
    assert deployments.failure_detail(failed) == "The installation failed: error: No solution\n  cause: none\nr2 keeps serving."
    assert failure_hint("hello", failed) == "Fix it, push a commit, then: capsule deploy --app hello"


def test_a_deployment_that_fails_after_its_build_names_what_serves_and_the_log() -> None:
    failed = deployment(status="failed", reason="exits-at-start", detail="Process exited with code 1.", rolledBackTo=1, steps=[{"step": "releasing"}])
    assert deployments.failure_title(failed) == "Deployment failed before taking traffic: exits-at-start"
    assert deployments.failure_detail(failed) == "Process exited with code 1.\nr1 keeps serving."
    assert failure_hint("hello", failed) == "capsule logs --deployment d-1 --app hello"


@pytest.mark.parametrize(
    "detail",
    [
        "ModuleNotFoundError: No module named 'distutils'",
        "ImportError: cannot import name 'Mapping' from 'collections' (/usr/lib/python3.11/collections/__init__.py)",
        "AttributeError: module 'inspect' has no attribute 'getargspec'. Did you mean: 'getargs'?",
    ],
)
def test_a_package_that_is_too_old_for_the_newest_python(detail: str) -> None:
    failed = deployment(status="failed", reason="exits-at-start", detail=f"Process exited with code 1. {detail}", steps=[{"step": "releasing"}])
    assert "Choose an older Python in .python-version" in failure_hint("hello", failed)
