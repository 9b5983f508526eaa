"""Deployments and CronJobs through the API: scale, restart with back-off, replacement, graceful end; schedules and their history."""

import os
from datetime import UTC, datetime
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.knative.machine import PLATFORM, Machine, alive, until

WORKS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print('pid', os.getpid(), flush=True)
time.sleep(600)
"""


def deployment(name: str, script: str, replicas: int = 1, **spec: Any) -> Any:
    container = {"name": "worker", "image": PLATFORM, "command": ["python", "-c", script]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 5}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


def pods(machine: Machine, namespace: str, name: str) -> list[client.V1Pod]:
    found: list[client.V1Pod] = machine.core.list_namespaced_pod(namespace, label_selector=f"app={name}").items
    return found


def _statuses(pod: client.V1Pod) -> list[Any]:
    return (pod.status and pod.status.container_statuses) or []


def apps(machine: Machine) -> client.AppsV1Api:
    return client.AppsV1Api(machine.core.api_client)


def running(machine: Machine, namespace: str, name: str, count: int) -> list[client.V1Pod]:
    def look() -> list[client.V1Pod] | None:
        found = pods(machine, namespace, name)
        is_ready = len(found) == count and all(each.ready for pod in found for each in _statuses(pod)) and all(map(_statuses, found))
        status = apps(machine).read_namespaced_deployment(name, namespace).status
        return found if is_ready and (status.available_replicas or 0) == count else None

    if count:
        return until(look)
    until(lambda: not pods(machine, namespace, name))
    return []


def test_a_deployment_scales_replaces_its_pods_and_ends_them_gently(machine: Machine, namespace: str) -> None:
    api = apps(machine)
    api.create_namespaced_deployment(namespace, deployment("worker", WORKS, replicas=0, strategy={"type": "Recreate"}))
    assert not pods(machine, namespace, "worker")
    api.patch_namespaced_deployment("worker", namespace, {"spec": {"replicas": 2}})
    first = running(machine, namespace, "worker", 2)
    assert {each.metadata.owner_references[0].kind for each in first} == {"Deployment"}
    api.patch_namespaced_deployment("worker", namespace, {"spec": {"template": {"metadata": {"annotations": {"release": "r2"}}}}})
    until(lambda: not {each.metadata.name for each in first} & {each.metadata.name for each in pods(machine, namespace, "worker")})
    second = running(machine, namespace, "worker", 2)
    assert all(each.metadata.annotations["release"] == "r2" for each in second)

    machine.core.delete_namespaced_pod(second[0].metadata.name, namespace)
    until(lambda: second[0].metadata.name not in {each.metadata.name for each in pods(machine, namespace, "worker")})
    running(machine, namespace, "worker", 2)

    pid = _pid(machine, namespace, second[1].metadata.name)
    api.patch_namespaced_deployment("worker", namespace, {"spec": {"replicas": 0}})
    running(machine, namespace, "worker", 0)
    assert pid is None or not alive(pid)
    api.delete_namespaced_deployment("worker", namespace)


def test_a_pod_that_exits_restarts_with_back_off(machine: Machine, namespace: str) -> None:
    apps(machine).create_namespaced_deployment(namespace, deployment("crashes", "import sys; print('no queue'); sys.exit(3)"))

    def crashed() -> Any:
        for each in pods(machine, namespace, "crashes"):
            (status,) = _statuses(each) or [None]
            if status and status.restart_count and status.state.waiting and status.state.waiting.reason == "CrashLoopBackOff":
                return status
        return None

    status = until(crashed)
    assert (status.last_state.terminated.exit_code, status.last_state.terminated.message) == (3, "no queue")
    object = apps(machine).read_namespaced_deployment("crashes", namespace)
    assert {each.type: each.status for each in object.status.conditions}["Available"] == "False"
    apps(machine).delete_namespaced_deployment("crashes", namespace)
    until(lambda: not pods(machine, namespace, "crashes"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"selector": {"matchLabels": {"app": "other"}}}, "does not match template"),
        ({"template": {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [], "restartPolicy": "Never"}}}, "containers"),
    ],
)
def test_an_invalid_deployment_is_refused(machine: Machine, namespace: str, change: Any, message: str) -> None:
    with pytest.raises(ApiException) as refused:
        apps(machine).create_namespaced_deployment(namespace, deployment("w", WORKS, **change))
    assert refused.value.status == 422 and message in refused.value.body


def cron_job(name: str, script: str, created: datetime, **spec: Any) -> Any:
    container = {"name": "main", "image": PLATFORM, "command": ["python", "-c", script]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"metadata": {"labels": {"cron": name}}, "spec": {"backoffLimit": 0, "template": template}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": {"schedule": "* * * * *", "jobTemplate": job, **spec}}


def test_a_cron_job_that_was_suspended_runs_its_last_missed_tick_once(machine: Machine, namespace: str) -> None:
    """The status says that the last tick was long ago, so the test need not wait for a minute to begin."""
    machine.batch.create_namespaced_cron_job(namespace, cron_job("nightly", "print('done')", datetime.now(UTC), suspend=True))
    past = {"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}}
    machine.batch.patch_namespaced_cron_job_status("nightly", namespace, past)
    machine.batch.patch_namespaced_cron_job("nightly", namespace, {"spec": {"suspend": False, "startingDeadlineSeconds": 300}})

    def done() -> Any:
        items = machine.batch.list_namespaced_job(namespace, label_selector="cron=nightly").items
        return items if items and all(each.status.succeeded for each in items) else None

    job = until(done)[0]
    assert job.metadata.owner_references[0].name == "nightly"
    assert job.metadata.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"].endswith(":00Z")
    until(lambda: machine.batch.read_namespaced_cron_job("nightly", namespace).status.last_successful_time)
    machine.batch.delete_namespaced_cron_job("nightly", namespace)
    until(lambda: not machine.batch.list_namespaced_job(namespace, label_selector="cron=nightly").items)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"schedule": "0 3 * *"}, "expected exactly 5 fields"),
        ({"schedule": "TZ=Europe/Berlin 0 3 * * *"}, "use timeZone field instead"),
        ({"timeZone": "Mars/Olympus"}, "unknown"),
        ({"concurrencyPolicy": "Sometimes"}, "concurrencyPolicy"),
    ],
)
def test_an_invalid_cron_job_is_refused(machine: Machine, namespace: str, spec: Any, message: str) -> None:
    with pytest.raises(ApiException) as refused:
        machine.batch.create_namespaced_cron_job(namespace, cron_job("bad", "", datetime.now(UTC), **spec))
    assert refused.value.status == 422 and message in refused.value.body


def _pid(machine: Machine, namespace: str, pod: str) -> int | None:
    """The pid on this machine; None where the log shows that of the pod's own namespace."""
    line = until(lambda: machine.core.read_namespaced_pod_log(pod, namespace))
    number = int(line.split()[1])
    return number if os.path.exists(f"/proc/{number}") and number > 10 else None
