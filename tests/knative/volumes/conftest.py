"""One machine for the tests of volumes, and programs that write into them."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.knative.machine import PLATFORM, Machine, until
from tests.knative.sandbox.modes import running

MIB = 1 << 20
SNAPSHOTS = ("snapshot.storage.k8s.io", "v1")
ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with machine_with_volumes() as found:
        yield found


@contextmanager
def machine_with_volumes() -> Iterator[Machine]:
    if not ROOT:
        pytest.skip("volumes need root")
    with running("own account") as found:
        if not (found.has_disks and found.has_caches):
            pytest.skip("this machine has no disk images or no ID-mapped mounts")
        yield found


def claim(machine: Machine, namespace: str, name: str, size_mib: int = 64, snapshot: str | None = None) -> None:
    source = {"apiGroup": SNAPSHOTS[0], "kind": "VolumeSnapshot", "name": snapshot}
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": f"{size_mib}Mi"}}}
    body = {"metadata": {"name": name}, "spec": spec | ({"dataSource": source} if snapshot else {})}
    machine.core.create_namespaced_persistent_volume_claim(namespace, body)


def bound(machine: Machine, namespace: str, name: str) -> Any:
    """Wait until a claim is Bound, and return its status."""
    return until(lambda: found if (found := claim_status(machine, namespace, name)) and found.phase == "Bound" else None)


def claim_status(machine: Machine, namespace: str, name: str) -> Any:
    return machine.core.read_namespaced_persistent_volume_claim(name, namespace).status


def snapshot(machine: Machine, namespace: str, name: str, source: str) -> None:
    body = {
        "apiVersion": "/".join(SNAPSHOTS),
        "kind": "VolumeSnapshot",
        "metadata": {"name": name},
        "spec": {"source": {"persistentVolumeClaimName": source}},
    }
    machine.custom.create_namespaced_custom_object(*SNAPSHOTS, namespace, "volumesnapshots", body)
    until(lambda: (machine.custom.get_namespaced_custom_object(*SNAPSHOTS, namespace, "volumesnapshots", name).get("status") or {}).get("readyToUse"))


def start(machine: Machine, namespace: str, script: str, claims: dict[str, str]) -> str:
    """Start a Job that runs a script of sh. `claims`: name → mount path. Returns its name."""
    name = f"job-{uuid.uuid4().hex[:8]}"
    volumes = [{"name": each, "persistentVolumeClaim": {"claimName": each}} for each in claims]
    mounts = [{"name": each, "mountPath": path} for each, path in claims.items()]
    container = {"name": "run", "image": PLATFORM, "command": ["sh", "-c", script], "volumeMounts": mounts}
    pod = {"restartPolicy": "Never", "containers": [container], "volumes": volumes}
    body = {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    machine.batch.create_namespaced_job(namespace, body)
    return name


def output(machine: Machine, namespace: str, job: str, seconds: float = 30.0) -> str:
    """Wait until a Job has ended, and return what it printed."""

    def ended() -> Any:
        status = machine.batch.read_namespaced_job(job, namespace).status
        return status.succeeded or status.failed

    until(ended, seconds)
    return log(machine, namespace, job)


def log(machine: Machine, namespace: str, job: str) -> str:
    [pod] = machine.core.list_namespaced_pod(namespace, label_selector=f"job-name={job}").items
    text: str = machine.core.read_namespaced_pod_log(pod.metadata.name, namespace)
    return text.strip()


def run(machine: Machine, namespace: str, script: str, claims: dict[str, str]) -> str:
    return output(machine, namespace, start(machine, namespace, script, claims))
