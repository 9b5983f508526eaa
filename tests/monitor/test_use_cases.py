"""Monitor's functions over memory: what they decide, not how it is stored."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from events.cluster import DiskUsage
from events.deploy import ApplicationDeleted
from events.deployments import BuildFailed
from functions.monitor import ports
from functions.monitor.domain.rejections import ApplicationNotFound, BadRange, BadSearch, TimelineNotFound
from functions.monitor.queries.function_logs import ReadFunctionLogs
from functions.monitor.queries.function_metrics import ReadFunctionMetrics
from tests.monitor.test_timeline import function_line
from tests.monitor.world import ADA, ADMIN, APP, BOB, MINUTE, NOW, OTHER, Monitor, entry, labels, platform, resource, window


@pytest.fixture
def monitor() -> Monitor:
    return Monitor()


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
    assert [line.line for line in (await monitor.read(search='serving -"100%"')).lines] == ["serving"]
    assert len((await monitor.read()).lines) == 4


async def test_lines_are_found_by_fields_and_time(monitor: Monitor) -> None:
    await monitor.created()
    await monitor.collected(
        entry('{"level": "error", "http": {"status": 503}}', NOW - MINUTE), entry('{"level": "info"}'), entry("level=error", NOW - 2 * MINUTE)
    )
    assert [line.line for line in (await monitor.read(where="level=error,http.status!=200")).lines] == ['{"level": "error", "http": {"status": 503}}']
    assert [line.line for line in (await monitor.read(where="level!=error")).lines] == ['{"level": "info"}']
    earlier = await monitor.read(**{"from": NOW - 2 * MINUTE, "to": NOW - MINUTE})
    assert [line.line for line in earlier.lines] == ["level=error"]
    with pytest.raises(BadSearch):
        await monitor.read(where="level")


async def test_lines_that_came_before_their_owner_was_known_are_there(monitor: Monitor) -> None:
    await monitor.collected(entry("early"))
    with pytest.raises(ApplicationNotFound):
        await monitor.read()
    await monitor.created()
    assert [line.line for line in (await monitor.read()).lines] == ["early"]


@pytest.mark.parametrize("is_logged", [True, False])
async def test_the_log_of_a_failed_build_ends_once_with_its_reason(monitor: Monitor, is_logged: bool) -> None:
    await monitor.created()
    deployment = UUID(int=7)
    event = BuildFailed(
        deployment_id=deployment,
        application_id=APP,
        user_id=ADA.user_id,
        environment="staging",
        at=NOW,
        reason="timed-out",
        detail="The build exceeded\nits time limit.",
        is_logged=is_logged,
    )
    await monitor.publish(event)
    found = (await monitor.read(component="build", deployment=deployment)).lines
    expected = [] if is_logged else [("==> Failed (timed-out): The build exceeded its time limit.", "", "build")]
    assert [(line.line, line.pod, line.component) for line in found] == expected


async def test_anothers_application_is_answered_like_none(monitor: Monitor) -> None:
    await monitor.created()
    for request in (monitor.read(BOB), monitor.metrics(BOB)):
        with pytest.raises(ApplicationNotFound):
            await request
    assert (await monitor.read(ADMIN)).lines == []
    assert (await monitor.metrics(ADMIN)).total.requests == 0


async def test_a_deleted_application_stays_readable_whatever_comes_first(monitor: Monitor) -> None:
    deleted = ApplicationDeleted(application_id=APP, user_id=ADA.user_id, name="shop", at=NOW)
    await monitor.publish(deleted)
    await monitor.created()
    assert (await monitor.read()).lines == []
    assert monitor.applications.applications[APP].deleted_at == NOW


async def test_requests_become_use_of_the_owner_once_for_each_window(monitor: Monitor) -> None:
    await monitor.created()
    first, second = await monitor.measured(window(3), window(2, status=500), window(4, environment="production"), window(9, application=OTHER))
    assert (first.requests, first.environment, first.user_id, first.application_id) == (5, "staging", ADA.user_id, APP)
    assert (second.requests, second.environment) == (4, "production")
    assert first.usage_id != second.usage_id


async def test_use_without_an_owner_waits_for_one_and_is_told_once(monitor: Monitor) -> None:
    assert await monitor.measured(window(3), window(2, NOW - timedelta(minutes=2))) == []
    usage = await monitor.created()
    assert [(use.requests, use.user_id) for use in usage] == [(2, ADA.user_id), (3, ADA.user_id)]
    assert await monitor.created() == []
    assert (await monitor.metrics()).total.requests == 5


async def test_cpu_becomes_use_of_the_owner_as_soon_as_it_is_known_who_that_is(monitor: Monitor) -> None:
    build = resource(9999, labels=labels(component="build"), pod="build-1", service="")
    assert await monitor.used(resource(300), resource(200, pod="shop-2"), build) == []
    (held,) = await monitor.created()
    assert (held.cpu_milliseconds, held.requests, held.user_id, held.environment) == (500, 0, ADA.user_id, "staging")
    (use,) = await monitor.used(resource(70), resource(0, environment="production"))
    assert (use.cpu_milliseconds, use.requests) == (70, 0) and use.usage_id != held.usage_id


async def test_what_the_platform_itself_uses_is_nobodys_use_and_admins_see_it(monitor: Monitor) -> None:
    own = {"namespace": "capsule", "pod": "auth-register-1", "service": "auth-register", "labels": {"capsule.dev/collect": "true"}}
    assert await monitor.used(resource(120, **own), resource(50, **{**own, "namespace": "other"})) == []
    await monitor.collected(platform(function_line(at="2026-05-20T10:29:59Z")), platform(function_line(at="2026-05-20T10:29:58Z", outcome="dead")))
    view = await monitor.call(ReadFunctionMetrics(), caller=ADMIN)
    (register,) = view.functions
    assert (register.function, register.executions, register.failed, register.cpu_milliseconds) == ("auth.register", 2, 1, 120)
    assert register.p95_ms == pytest.approx(12.3) and register.memory_max_bytes == 2000
    assert (await monitor.call(ReadFunctionMetrics(context="billing"), caller=ADMIN)).functions == []
    with pytest.raises(BadRange):
        await monitor.call(ReadFunctionMetrics.model_validate({"from": NOW - timedelta(days=8)}), caller=ADMIN)


async def test_what_functions_write_beside_their_journal_is_their_log(monitor: Monitor) -> None:
    service = {"serving.knative.dev/service": "auth-register"}
    await monitor.collected(platform("Traceback", **service), platform(function_line()), platform("warning", **{"app.kubernetes.io/name": "gateway"}))
    everything = await monitor.call(ReadFunctionLogs(), caller=ADMIN)
    assert [(line.service, line.line) for line in everything.lines] == [("auth-register", "Traceback"), ("gateway", "warning")]
    assert [line.line for line in (await monitor.call(ReadFunctionLogs(function="auth.register"), caller=ADMIN)).lines] == ["Traceback"]
    assert (await monitor.call(ReadFunctionLogs(after=everything.cursor), caller=ADMIN)).lines == []
    await monitor.created()
    assert (await monitor.read(ADMIN)).lines == []


async def test_requests_of_the_platform_itself_are_nobodys_use(monitor: Monitor) -> None:
    own = window(3).model_copy(update={"labels": {"capsule.dev/collect": "true"}})
    assert await monitor.measured(own) == []
    assert monitor.port(ports.Requests).windows == [] and monitor.port(ports.UnownedUsage).uses == []


async def test_metrics_are_counted_by_step_class_and_environment(monitor: Monitor) -> None:
    await monitor.created()
    await monitor.measured(
        window(3),
        window(1, status=503, ms=500.0),
        window(5, NOW - 3 * MINUTE, environment="production", ms=20.0),
        window(7, NOW - timedelta(hours=2)),
    )
    await monitor.used(resource(250, NOW - MINUTE, memory=7000), resource(50, NOW - 3 * MINUTE, environment="production"))
    view = await monitor.metrics(step=60)
    assert len(view.points) == 60 and view.total.requests == 9
    last = view.points[-1]
    assert (last.by_status, last.error_rate) == ({"2xx": 3, "5xx": 1}, 0.25)
    assert last.mean_latency_ms == 132.5 and last.p50_latency_ms == pytest.approx(10, rel=0.03) and last.p99_latency_ms == pytest.approx(10, rel=0.03)
    assert (last.cpu_milliseconds, last.memory_max_bytes, last.memory_mean_bytes) == (250, 14000, 7000)
    assert view.points[-2].requests == 0 and view.points[-2].mean_latency_ms is None and view.points[-2].p95_latency_ms is None
    assert view.total.p50_latency_ms == pytest.approx(20, rel=0.03), "of all nine requests together, no mean of minutes"
    assert [(each.environment, each.total.requests, each.total.cpu_milliseconds) for each in view.environments] == [
        ("production", 5, 50),
        ("staging", 4, 250),
    ]
    assert view.environments[0].points[-3].requests == 5

    wire = view.model_dump(mode="json", by_alias=True)
    assert wire["from"] == "2026-05-20T09:30:00Z" and {"byStatus", "errorRate", "p95LatencyMs", "cpuMilliseconds"} < set(wire["points"][0])
    assert (await monitor.metrics(**{"from": "2026-05-20T08:00:00Z", "to": "2026-05-20T09:00:00Z"})).total.requests == 7
    assert (await monitor.metrics(environment="production")).total.requests == 5
    with pytest.raises(BadRange):
        await monitor.metrics(**{"from": "2026-05-21T08:00:00Z"})  # after now


async def test_deployments_are_marked_beside_the_figures(monitor: Monitor) -> None:
    await monitor.created()
    monitor.clock.at = NOW - 5 * MINUTE
    await monitor.succeeded(UUID(int=31))
    monitor.clock.at = NOW - 4 * MINUTE
    await monitor.failed(UUID(int=32), "not-ready")
    await monitor.rolled_back(UUID(int=32))
    await monitor.failed(UUID(int=33), environment="production")
    monitor.clock.at = NOW
    view = await monitor.metrics()
    assert [(marker.kind, marker.environment, marker.reason) for marker in view.markers] == [
        ("deployment-succeeded", "staging", ""),
        ("deployment-failed", "staging", "not-ready"),
        ("deployment-rolled-back", "staging", "error-rate"),
        ("deployment-failed", "production", "build-failed"),
    ]
    assert [marker.deployment_id for marker in (await monitor.metrics(environment="production")).markers] == [UUID(int=33)]
    assert (await monitor.metrics(**{"from": NOW - 2 * MINUTE})).markers == []


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


def disk(at: datetime = NOW, **figures: Any) -> DiskUsage:
    known = {"images": 3, "image_bytes": 300, "cache_bytes": 40, "instance_bytes": {"staging": 7, "production": 5}}
    return DiskUsage(at=at, namespace="app-shop", labels={"capsule.dev/application": str(APP)}, **{**known, **figures})


async def test_the_newest_disk_usage_is_kept_and_shown_beside_the_metrics(monitor: Monitor) -> None:
    await monitor.created()
    assert (await monitor.metrics()).disk is None, "not measured is not 0"
    await monitor.disk_measured(disk(), disk(NOW - MINUTE, images=1))
    await monitor.disk_measured(disk(NOW - 2 * MINUTE, images=2))
    found = (await monitor.metrics()).disk
    assert found is not None
    assert (found.images, found.images_bytes, found.cache_bytes, found.instances_bytes, found.measured_at) == (3, 300, 40, 12, NOW)
    of_staging, of_production = (await monitor.metrics(environment="staging")).disk, (await monitor.metrics(environment="production")).disk
    assert of_staging is not None and of_production is not None
    assert (of_staging.instances_bytes, of_production.instances_bytes) == (7, 5)


async def test_what_is_not_measured_of_a_disk_stays_unknown_and_nobodys_disk_is_left_out(monitor: Monitor) -> None:
    await monitor.created()
    external_call = DiskUsage(at=NOW, namespace="capsule", images=1, image_bytes=1)
    await monitor.disk_measured(disk(NOW + MINUTE, cache_bytes=None, instance_bytes=None), external_call)
    found = (await monitor.metrics()).disk
    assert found is not None and (found.cache_bytes, found.instances_bytes) == (None, None)
    assert found.measured_at == NOW, "a clock that runs ahead would outlive all later measurements"
    assert list(monitor.port(ports.DiskUsages).usages) == [APP]
