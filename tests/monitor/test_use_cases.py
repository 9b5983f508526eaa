"""Monitor's functions over memory: what they decide, not how it is stored."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from events.cluster import LogEntry, LogsCollected, RequestsMeasured, RequestWindow
from events.deploy import ApplicationCreated, ApplicationDestroyed
from events.monitor import UsageMeasured
from functions.kernel import Caller
from functions.monitor.adapters.memory import MemoryApplications, MemoryExecutions, MemoryLogs, MemoryRequests, MemoryUnownedUsage
from functions.monitor.domain.rejections import ApplicationNotFound, BadRange, TimelineNotFound
from functions.monitor.handlers.on_application_created import on_application_created
from functions.monitor.handlers.on_application_destroyed import on_application_destroyed
from functions.monitor.handlers.on_logs_collected import on_logs_collected
from functions.monitor.handlers.on_requests_measured import on_requests_measured
from functions.monitor.queries.logs import LogsView, ReadLogs, logs
from functions.monitor.queries.metrics import MetricsView, ReadMetrics, metrics
from functions.monitor.queries.timeline import ShowTimeline, TimelineView, timeline
from tests.monitor.test_timeline import function_line

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
ADA, BOB, ADMIN = Caller(UUID(int=1)), Caller(UUID(int=2)), Caller(UUID(int=3), frozenset({"admin"}))
APP, OTHER, DEPLOYMENT = UUID(int=10), UUID(int=11), UUID(int=20)


class Stopped:
    def now(self) -> datetime:
        return NOW


class Monitor:
    def __init__(self) -> None:
        self.applications, self.unowned = MemoryApplications(), MemoryUnownedUsage()
        self.logs, self.requests, self.executions = MemoryLogs(), MemoryRequests(), MemoryExecutions()

    async def created(self, application: UUID = APP, owner: Caller = ADA) -> list[UsageMeasured]:
        event = ApplicationCreated(application_id=application, user_id=owner.user_id, name="shop", at=NOW)
        return usage((await on_application_created(event, self.applications, self.unowned)).events)

    async def collected(self, *entries: LogEntry) -> None:
        await on_logs_collected(LogsCollected(entries=list(entries)), self.logs, self.executions, Stopped())

    async def measured(self, *windows: RequestWindow) -> list[UsageMeasured]:
        event = RequestsMeasured(windows=list(windows))
        return usage((await on_requests_measured(event, self.requests, self.applications, self.unowned, Stopped())).events)

    async def read(self, caller: Caller = ADA, **asked: Any) -> LogsView:
        return await logs(ReadLogs(application_id=APP, **asked), caller, self.applications, self.logs)

    async def metrics(self, caller: Caller = ADA, **asked: Any) -> MetricsView:
        return await metrics(ReadMetrics.model_validate({"applicationId": APP, **asked}), caller, self.applications, self.requests, Stopped())

    async def timeline(self, caller: Caller, correlation: str = "c1") -> TimelineView:
        return await timeline(ShowTimeline(correlation_id=correlation), caller, self.executions)


@pytest.fixture
def monitor() -> Monitor:
    return Monitor()


def usage(events: Any) -> list[UsageMeasured]:
    assert all(isinstance(event, UsageMeasured) for event in events)
    return list(events)


def entry(
    line: str, at: datetime = NOW, *, namespace: str = "app-shop", environment: str = "staging", component: str = "run", **labels: str
) -> LogEntry:
    said = {
        "capsule.dev/application": str(APP),
        "capsule.dev/environment": environment,
        "capsule.dev/component": component,
        "capsule.dev/deployment": str(DEPLOYMENT),
        **labels,
    }
    return LogEntry(at=at, namespace=namespace, pod="shop-1", container="user", labels=said, stream="stdout", line=line)


def platform(line: str, at: datetime = NOW, **labels: str) -> LogEntry:
    return LogEntry(at=at, namespace="capsule", pod="auth-register-1", container="function", labels=labels, stream="stderr", line=line)


def window(
    count: int, begin: datetime = NOW - timedelta(minutes=1), *, application: UUID = APP, status: int = 200, environment: str = "staging"
) -> RequestWindow:
    labels = {"capsule.dev/application": str(application), "capsule.dev/environment": environment}
    return RequestWindow.model_validate(
        {
            "from": begin,
            "to": begin + timedelta(seconds=1),
            "namespace": "app-shop",
            "service": "shop-staging",
            "revision": "shop-staging-00001",
            "labels": labels,
            "status": status,
            "count": count,
            "durationMsSum": count * 10.0,
        }
    )


async def test_lines_are_read_in_order_and_followed_by_a_cursor(monitor: Monitor) -> None:
    await monitor.created()
    await monitor.collected(entry("two", NOW - timedelta(seconds=1)), entry("one", NOW - timedelta(seconds=2)), entry("three"))

    page = await monitor.read()
    assert [line.line for line in page.lines] == ["one", "two", "three"]
    assert (await monitor.read(after=page.cursor)).lines == []
    assert (await monitor.read(after=page.cursor)).cursor == page.cursor

    await monitor.collected(entry("late, from another pod", NOW - timedelta(minutes=5)), entry("four"))
    assert [line.line for line in (await monitor.read(after=page.cursor)).lines] == ["late, from another pod", "four"]
    assert [line.line for line in (await monitor.read(limit=2)).lines] == ["late, from another pod", "four"]
    assert [line.line for line in (await monitor.read(after="0", limit=2)).lines] == ["one", "two"]


async def test_lines_are_filtered(monitor: Monitor) -> None:
    await monitor.created()
    await monitor.collected(
        entry("Build step", component="build"),
        entry("serving", environment="production"),
        entry("serving 100%"),
        entry("other", **{"capsule.dev/deployment": str(UUID(int=21))}),
        entry("not of this application", **{"capsule.dev/application": str(OTHER)}),
    )
    assert [line.line for line in (await monitor.read(component="build")).lines] == ["Build step"]
    assert [line.line for line in (await monitor.read(environment="production")).lines] == ["serving"]
    assert [line.line for line in (await monitor.read(deployment=UUID(int=21))).lines] == ["other"]
    assert [line.line for line in (await monitor.read(search="SERVING 1")).lines] == ["serving 100%"]
    assert len((await monitor.read()).lines) == 4


async def test_lines_that_came_before_their_owner_was_known_are_there(monitor: Monitor) -> None:
    await monitor.collected(entry("early"))
    with pytest.raises(ApplicationNotFound):
        await monitor.read()
    await monitor.created()
    assert [line.line for line in (await monitor.read()).lines] == ["early"]


async def test_anothers_application_is_answered_like_none(monitor: Monitor) -> None:
    await monitor.created()
    for asked in (monitor.read(BOB), monitor.metrics(BOB)):
        with pytest.raises(ApplicationNotFound):
            await asked
    assert (await monitor.read(ADMIN)).lines == []
    assert (await monitor.metrics(ADMIN)).total.requests == 0


async def test_a_destroyed_application_stays_readable_whatever_comes_first(monitor: Monitor) -> None:
    destroyed = ApplicationDestroyed(application_id=APP, user_id=ADA.user_id, name="shop", at=NOW)
    await on_application_destroyed(destroyed, monitor.applications)
    await monitor.created()
    assert (await monitor.read()).lines == []
    assert monitor.applications.applications[APP].destroyed_at == NOW


async def test_requests_become_use_of_the_owner_once_for_each_window(monitor: Monitor) -> None:
    await monitor.created()
    first, second = await monitor.measured(window(3), window(2, status=500), window(4, environment="production"), window(9, application=OTHER))
    assert (first.requests, first.environment, first.user_id, first.application_id) == (5, "staging", ADA.user_id, APP)
    assert (second.requests, second.environment) == (4, "production")
    assert first.usage_id != second.usage_id


async def test_use_without_an_owner_waits_for_one_and_is_told_once(monitor: Monitor) -> None:
    assert await monitor.measured(window(3), window(2, NOW - timedelta(minutes=2))) == []
    told = await monitor.created()
    assert [(use.requests, use.user_id) for use in told] == [(2, ADA.user_id), (3, ADA.user_id)]
    assert await monitor.created() == []
    assert (await monitor.metrics()).total.requests == 5


async def test_requests_of_the_platform_itself_are_nobodys_use(monitor: Monitor) -> None:
    own = window(3).model_copy(update={"labels": {"capsule.dev/collect": "true"}})
    assert await monitor.measured(own) == []
    assert monitor.requests.windows == [] and monitor.unowned.uses == []


async def test_metrics_are_counted_by_step_and_class(monitor: Monitor) -> None:
    await monitor.created()
    await monitor.measured(window(3), window(1, status=503), window(5, NOW - timedelta(minutes=3)), window(7, NOW - timedelta(hours=2)))
    view = await monitor.metrics(step=60)
    assert len(view.points) == 60 and view.total.requests == 9
    assert view.points[-1].by_status == {"2xx": 3, "5xx": 1}
    assert view.points[-1].mean_latency_ms == 10.0
    assert view.points[-2].requests == 0 and view.points[-2].mean_latency_ms is None

    wire = view.model_dump(mode="json", by_alias=True)
    assert wire["from"] == "2026-05-20T09:30:00Z" and set(wire["points"][0]) == {"at", "requests", "byStatus", "meanLatencyMs"}
    assert (await monitor.metrics(**{"from": "2026-05-20T08:00:00Z", "to": "2026-05-20T09:00:00Z"})).total.requests == 7
    assert (await monitor.metrics(environment="production")).total.requests == 0
    with pytest.raises(BadRange):
        await monitor.metrics(**{"from": "2026-05-21T08:00:00Z", "to": "2026-05-20T09:00:00Z"})


async def test_lines_of_the_platform_become_a_timeline(monitor: Monitor) -> None:
    actor = str(ADA.user_id)
    request = {"log": "request", "at": "2026-05-20T10:29:59Z", "method": "POST", "path": "/v1/users", "status": 202, "ms": 20, "correlation": "c1"}
    handled = function_line(
        at="2026-05-20T10:29:59.5Z", function="billing.on_user_created", context="billing", kind="event", message="m2", causation="m1", actor=actor
    )
    await monitor.collected(
        platform(handled),
        platform(function_line(at="2026-05-20T10:29:59.1Z", actor=actor)),
        platform(json.dumps({**request, "actor": actor})),
        platform("plain text"),
    )
    view = await monitor.timeline(ADA)
    assert [(entry.name, entry.depth, entry.caused_by.name if entry.caused_by else None) for entry in view.entries] == [
        ("POST /v1/users", 0, None),
        ("auth.register", 1, "POST /v1/users"),
        ("billing.on_user_created", 2, "auth.register"),
    ]
    assert view.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert (view.end - view.begin) == timedelta(milliseconds=512.3)
    assert view.entries[1].emitted == ["user.created"]
    for nobody in (monitor.timeline(BOB), monitor.timeline(ADA, "c2")):
        with pytest.raises(TimelineNotFound):
            await nobody
    assert len((await monitor.timeline(ADMIN)).entries) == 3


async def test_an_application_cannot_write_a_timeline(monitor: Monitor) -> None:
    await monitor.created()
    forged = function_line(actor=str(BOB.user_id))
    await monitor.collected(
        entry(forged), entry(forged, namespace="capsule"), entry(forged, namespace="app-shop", **{"capsule.dev/application": "nobody"})
    )
    assert monitor.executions.executions == []
    assert len((await monitor.read()).lines) == 2
