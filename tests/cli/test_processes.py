"""What `capsule ps`, `capsule scale TYPE=N`, `capsule deploy` and `capsule cron` print about processes and schedules."""

from typing import Any

import pytest

from cli.render import cron, deployments, environments, running
from tests.cli.test_render import render

AT = "2026-11-30T03:00:00Z"
INSTANCE = {"name": "w-1", "state": "ready", "restarts": 0, "createdAt": AT, "release": "r5", "lastExitCode": None, "lastOutput": None}
CRASHED = {**INSTANCE, "state": "crashed", "restarts": 3, "lastExitCode": 3, "lastOutput": "starting\nno broker at amqp://queue\n"}
RUN = {
    "id": "0190f0a0-0000-7000-8000-000000000001", "status": "failed", "exitCode": 3, "detail": None, "requestedAt": AT,
    "finishedAt": "2026-11-30T03:00:05Z", "scheduledAt": AT, "logId": "0190f0a0-0000-7000-8000-000000000002",
}  # fmt: skip
SCHEDULE = {
    "id": "0190f0a0-0000-7000-8000-000000000002", "command": "python manage.py nightly", "environment": "staging", "cron": "0 3 * * *",
    "timeZone": "Europe/Berlin", "overlap": "forbid", "timeoutSeconds": 3600, "stopSeconds": 30, "nextAt": AT, "pausedAt": None, "lastRun": RUN,
}  # fmt: skip

METRICS = [{"type": "cpu", "target": 70, "current": 84.5}, {"type": "queue", "target": 20, "current": 3.0}]
AUTOSCALING = {"minInstances": 0, "maxInstances": 5, "metrics": METRICS, "problem": None, "lastScaling": None}
SCALED = {"at": AT, "formerInstances": 1, "instances": 4, "metric": "queue", "value": 35.0, "target": 10}


def environment(**process: Any) -> dict[str, Any]:
    size = {"name": "worker", "instances": 1, "memoryMib": 512, "stopSeconds": 30, "autoscaling": None}
    worker = {**size, "command": "celery", "running": [INSTANCE], **process}
    size = {"minScale": 0, "maxScale": 1, "memoryMib": 512, "scaleMetric": "concurrency", "scaleTarget": None}
    size |= {"scaleWindowSeconds": None, "scaleDownDelaySeconds": 0, "initialScale": 1, "cpuMillis": 500}
    state = {"release": 5, "stoppedAt": None, "pausedAt": None, "pauseReason": None}
    return {"name": "staging", **state, **size, "instances": [], "processes": [worker]}


@pytest.mark.parametrize(
    ("process", "line"),
    [
        ({}, "worker: 1 of 1 instances, 512 MiB each"),
        ({"running": [CRASHED]}, "worker: 1 of 1 instances, 512 MiB each; exited with code 3: no broker at amqp://queue"),
        ({"instances": 0, "running": []}, "worker: 0 of 0 instances, 512 MiB each; capsule scale worker=1 starts it"),
        ({"autoscaling": AUTOSCALING}, "512 MiB each; 0–5 instances by cpu 84.5% of 70% and queue 3 of 20 waiting per instance"),
        ({"autoscaling": {**AUTOSCALING, "problem": "no server"}}, "20 waiting per instance; no server"),
        ({"autoscaling": {**AUTOSCALING, "lastScaling": SCALED}}, ", queue 35 (target 10)"),
        ({"command": None, "running": []}, "worker: 0 of 1 instances, 512 MiB each; the release does not name it"),
    ],
)
def test_ps_lists_each_process_type(process: Any, line: str) -> None:
    assert line in render(running.instances("shop", [environment(**process)], {}))


POINT = {"requests": 1200, "meanLatencyMs": 500.0, "cpuMilliseconds": 24_000, "memoryMeanBytes": 256 << 20}


@pytest.mark.parametrize(
    ("metric", "line"),
    [
        ("rps", "by rps 10 of 50 per instance over 30 s, fewer after 60 s"),
        ("concurrency", "by concurrency 5 of 50 per instance"),
        ("cpu", "by cpu 40% of 50% per instance"),
        ("memory", "by memory 50% of 50% per instance"),
    ],
)
def test_ps_shows_what_web_scales_by_beside_its_target(metric: str, line: str) -> None:
    web = {"scaleMetric": metric, "scaleTarget": 50, "scaleWindowSeconds": 30, "scaleDownDelaySeconds": 60, "initialScale": 2, "cpuMillis": 500}
    view = {**environment(), **web, "instances": [INSTANCE, {**INSTANCE, "name": "w-2"}], "processes": []}
    printed = " ".join(render(running.instances("shop", [view], {"staging": running.Measured(None, POINT)})).split())
    assert line in printed and "releases start with 2" in printed
    assert f"by {metric} 50" in render(running.instances("shop", [view], {}))


def test_a_deployment_that_succeeded_with_a_crash_says_so() -> None:
    view = {"release": 5, "environment": "staging", "commit": "c" * 40, "requestedAt": AT, "finishedAt": AT, "url": "http://shop", "detail": None}
    assert "!" not in render(deployments.succeeded(view))
    assert "! worker exited with code 3" in render(deployments.succeeded({**view, "detail": "worker exited with code 3 and is started again."}))


def test_scaled_processes_are_told_with_their_time_to_stop() -> None:
    accepted = {"environment": "staging", "processes": [{"name": "worker", "instances": 2, "memoryMib": 256, "stopSeconds": 60}]}
    assert render(environments.processes(accepted)) == "worker: 2 instances in staging, 256 MiB each, 60 s to stop\n"


def test_schedules_show_their_zone_and_last_run() -> None:
    listed = render(cron.schedules([SCHEDULE]))
    assert "0 3 * * * Europe/Berlin" in listed and "failed" in listed
    assert "paused" in render(cron.schedules([{**SCHEDULE, "pausedAt": AT, "nextAt": None}]))
    assert "0 3 * * * (Europe/Berlin)" in render(cron.schedule(SCHEDULE))
    assert "manual" in render(cron.history([{**RUN, "scheduledAt": None}]))


def test_the_log_of_a_scheduled_run_is_read_between_its_times() -> None:
    assert cron.log_period({**RUN, "scheduledAt": None}) == {}
    assert cron.log_period(RUN) == {"from": "2026-11-30T02:59:50+00:00", "to": "2026-11-30T03:00:15+00:00"}
