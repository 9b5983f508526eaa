"""The application hello with a past: releases in two environments, a failed and a rolled back deployment, logs, traffic, an alert, a webhook."""

import json
import re
from datetime import datetime, timedelta

from events.cluster import LogEntry, LogsCollected, RequestsMeasured, RequestWindow, ResourcesMeasured, ResourceWindow
from events.deployments import DeploymentRequested
from functions.deploy.domain.deployment import Deployment
from knative.collector.duration_buckets import bucket_of
from tests.dashboard.application import BrowserOfDeploy
from tests.deploy.deploy_capsule import COMMIT, IMAGE, OTHER_IMAGE
from tests.monitor.test_timeline import function_line
from tests.monitor.world import platform

BUILD_LOG = """==> Cloning https://git.example.com/hello.git
==> Commit c0ffee0: Answer in the visitor's language
==> Recognized: Python 3.12, FastAPI, requirements.txt
==> Installing 14 packages with uv
Resolved 14 packages in 210ms
Installed 14 packages in 96ms
 + fastapi==0.121.0
 + uvicorn==0.38.0
==> Start command: uvicorn main:app --host 0.0.0.0 --port $PORT
==> Stored capsule.local/apps/hello (48.2 MiB) in 3.9 s"""
FAILED_LOG = """==> Cloning https://git.example.com/hello.git
==> Recognized: Python 3.12, FastAPI, requirements.txt
==> Installing 14 packages with uv
  × No solution found when resolving dependencies:
  ╰─▶ Because there is no version of fastapi==0.999 and you require fastapi==0.999, your requirements are unsatisfiable."""
FAILURE = "requirements.txt asks for fastapi==0.999, which does not exist. The newest version is 0.121.0."


async def furnish_application(ada: BrowserOfDeploy) -> str:
    """Give the application of `deployed` a past. Returns the path of its failed deployment."""
    deploy, path = ada.deploy, ada.path
    first = await deploy.deployments.get(deploy.events(DeploymentRequested)[-1].deployment_id)
    await collect_log(ada, first, BUILD_LOG)
    await collect_timeline(ada, first)
    await serve(ada, first, minutes=12)

    await ada.send(f"{path}/promotions", **{"from": "staging", "to": "production"})
    promoted = await complete_slowly(ada)
    await serve(ada, promoted, minutes=18)

    started = await ada.send(f"{path}/deployments", environment="staging", ref="languages")
    failed = await deploy.deployments.get(deploy.events(DeploymentRequested)[-1].deployment_id)
    await deploy.settle()
    await deploy.advance(seconds=2.7)
    await collect_log(ada, failed, FAILED_LOG)
    await deploy.fail_build(await deploy.deployments.get(failed.id), "build-failed", FAILURE)
    await deploy.advance(minutes=2)

    await ada.send(f"{path}/deployments", environment="staging")
    newest = await complete_slowly(ada, OTHER_IMAGE, "5ca1ab1e" + "0" * 32)
    await collect_log(ada, newest, BUILD_LOG)
    await serve(ada, newest, minutes=9, failing=0.04)
    await deploy.advance(minutes=1)

    await ada.send(f"{path}/environments/production/maintenance", message="We are moving to a larger database. Back at 14:00 UTC.")
    configuration = f"{path}/configuration"
    await ada.send(configuration, environment="", name="LOG_LEVEL", secretValue="info")
    await ada.send(configuration, environment="staging", name="MODE", secretValue="two")
    await ada.send(configuration, environment="", name="DATABASE_URL", secretValue="postgresql://db/hello", is_secret="on")
    await ada.send(f"{path}/schedules", environment="production", cron="0 3 * * *", timeZone="Europe/Berlin", overlap="forbid", command="./nightly")
    [schedule] = re.findall(rf'href="({path}/schedules/[^"]+)"', (await ada.open(f"{path}/schedules")).text)
    await ada.send(f"{schedule}/runs")
    await ada.send(f"{path}/runs", environment="staging", command="python manage.py migrate")
    await ada.send(f"{path}/domains", environment="production", host="shop.example.com")
    await ada.send(f"{path}/services", name="main")
    await ada.send(f"{path}/services", name="warehouse", url="postgresql://hello:x@db.example.com/warehouse")
    await ada.send(f"{path}/volumes", name="uploads", sizeMib="1024")
    await ada.send(f"{path}/volumes", name="index", sizeMib="256")
    await deploy.settle()
    volumes = sorted(set(re.findall(rf'href="({path}/volumes/[^"]+)"', (await ada.open(f"{path}/volumes")).text)))
    await ada.send(f"{volumes[0]}/snapshots")
    [backups] = set(re.findall(rf'href="({path}/services/[^"]+/backups)"', (await ada.open(f"{path}/services")).text))
    await ada.send(backups)
    await deploy.settle()
    added = await ada.send("/webhooks", url="https://hooks.example.org/capsule", description="Deployments in the team chat")
    assert added.status_code == 200, added.text
    [webhook] = re.findall(r'action="(/webhooks/[^/"]+)/test"', added.text)
    await ada.send(f"{webhook}/test")
    return str(started.headers["location"])


async def complete_slowly(ada: BrowserOfDeploy, image: str = IMAGE, commit: str = COMMIT) -> Deployment:
    """Let the newest deployment succeed, with steps that take some seconds."""
    deploy = ada.deploy
    deployment_id = deploy.events(DeploymentRequested)[-1].deployment_id
    await deploy.settle()
    deployment = await deploy.deployments.get(deployment_id)
    if deployment.status == "building":
        await deploy.advance(seconds=4.2)
        deployment = await deploy.finish_build(deployment, {"image": image, "commit": commit, "kind": "python"})
    await deploy.advance(seconds=1.3)
    return await deploy.complete(deployment_id)


def labels_of(deployment: Deployment, component: str = "run") -> dict[str, str]:
    return {
        "capsule.dev/application": str(deployment.application_id),
        "capsule.dev/environment": deployment.environment,
        "capsule.dev/component": component,
        "capsule.dev/deployment": str(deployment.id),
    }


async def collect(ada: BrowserOfDeploy, deployment: Deployment, component: str, lines: list[tuple[datetime, str]]) -> None:
    entries = [
        LogEntry(
            at=at,
            namespace=deployment.namespace,
            pod=f"{deployment.service}-00001-5d8f",
            container="user",
            labels=labels_of(deployment, component),
            stream="stderr" if "×" in line else "stdout",
            line=line,
        )
        for at, line in lines
    ]
    await ada.capsule.publish(LogsCollected(entries=entries))


async def collect_log(ada: BrowserOfDeploy, deployment: Deployment, text: str) -> None:
    begin = deployment.requested_at + timedelta(seconds=1)
    await collect(ada, deployment, "build", [(begin + timedelta(seconds=0.4 * number), line) for number, line in enumerate(text.splitlines())])


async def collect_timeline(ada: BrowserOfDeploy, deployment: Deployment) -> None:
    """What the functions of a deployment did, as they report it."""
    steps = (
        ("deploy.deploy", "command", None, "m1", 0.0, 14.0, "deployment.requested:m2"),
        ("deploy.start_deployment", "event", "m2", "m3", 0.1, 61.0, "build.started:m4"),
        ("monitor.on_deployment_requested", "event", "m2", "m5", 0.1, 9.0, ""),
        ("deploy.on_object_updated", "event", "m4", "m6", 4.4, 38.0, "build.succeeded:m7"),
        ("deploy.on_build_succeeded", "event", "m7", "m8", 4.5, 72.0, "deployment.succeeded:m9"),
        ("billing.on_deployment_succeeded", "event", "m9", "m10", 6.2, 11.0, ""),
    )
    lines = [
        function_line(
            function=name, context=name.partition(".")[0], kind=kind, message=message, causation=cause, correlation=deployment.correlation_id,
            actor=str(deployment.user_id), at=(deployment.requested_at + timedelta(seconds=after)).isoformat(), ms=milliseconds,
            emitted=[emitted] if emitted else [], type=None, cold=name == "deploy.on_build_succeeded",
        )
        for name, kind, cause, message, after, milliseconds, emitted in steps
    ]  # fmt: skip
    await ada.capsule.publish(LogsCollected(entries=[platform(line, deployment.requested_at) for line in lines]))


async def serve(ada: BrowserOfDeploy, deployment: Deployment, minutes: int, failing: float = 0.0) -> None:
    """Requests, their log lines, CPU and memory of some minutes, which pass. `failing`: share of 5xx."""
    for minute in range(minutes):
        at = ada.capsule.clock.now()
        count = 40 + (minute * 37) % 60
        failed = round(count * failing)
        windows = [_window(deployment, at, 200, count - failed, 12.0 + minute % 5)]
        if failed:
            windows.append(_window(deployment, at, 500, failed, 480.0))
        await ada.capsule.publish(RequestsMeasured(windows=windows))
        await ada.capsule.publish(ResourcesMeasured(windows=[_resources(deployment, at, 900 + 40 * (minute % 7), (60 + minute % 9) * 2**20)]))
        await collect(ada, deployment, "run", _lines(at, minute, is_failing=bool(failed)))
        await ada.deploy.advance(seconds=60)


def _lines(at: datetime, minute: int, *, is_failing: bool) -> list[tuple[datetime, str]]:
    served = {"level": "info", "msg": "served", "path": ("/", "/orders", "/health")[minute % 3], "status": 200, "ms": 8 + minute % 11}
    lines = [(at, json.dumps(served)), (at + timedelta(seconds=20), f"INFO: 10.0.0.7 GET /orders?page={minute} 200 OK")]
    if is_failing:
        fault = {"level": "error", "msg": "could not read the order", "path": "/orders", "status": 500, "http": {"request_id": f"req-{minute:04}"}}
        lines.append((at + timedelta(seconds=31), json.dumps(fault)))
    return lines


def _window(deployment: Deployment, at: datetime, status: int, count: int, milliseconds: float) -> RequestWindow:
    return RequestWindow.model_validate(
        {
            "from": at,
            "to": at + timedelta(seconds=1),
            "namespace": deployment.namespace,
            "service": deployment.service,
            "revision": f"{deployment.service}-00001",
            "labels": labels_of(deployment),
            "status": status,
            "count": count,
            "durationMsSum": count * milliseconds,
            "durations": {"scale": 4, "buckets": {bucket_of(milliseconds): count}},
        }
    )


def _resources(deployment: Deployment, at: datetime, cpu: int, memory: int) -> ResourceWindow:
    return ResourceWindow.model_validate(
        {
            "from": at,
            "to": at + timedelta(seconds=30),
            "namespace": deployment.namespace,
            "pod": f"{deployment.service}-00001-5d8f",
            "service": deployment.service,
            "labels": labels_of(deployment),
            "cpuMilliseconds": cpu,
            "memoryBytesMax": memory,
            "memoryBytesMean": memory - 2**20,
        }
    )
