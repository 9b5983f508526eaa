"""Disk pressure on a machine with a small disk: tenants fill it, and the pod with the largest disks is evicted before the disk is full."""

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from knative.local.sandbox.disks import is_available
from knative.local.sandbox.isolation import detect
from knative.local.sandbox.plan import Isolation
from tests.knative.jobs.objects import job
from tests.knative.machine import Machine, service, until
from tests.proof import proof
from tests.servers import free_offset

pytestmark = [
    proof("tenant-isolation"),
    pytest.mark.skipif(detect() is not Isolation.ROOT or not is_available(), reason="needs root and loop devices"),
]
MIB = 1 << 20
DISK_MIB, RESERVE_GIB = 800, "0.25"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose state is on a file system of 800 MiB, with a reserve of 256 MiB."""
    tmp_path = tmp_path_factory.mktemp("small")
    image, disk = tmp_path / "disk.img", tmp_path / "disk"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(DISK_MIB * MIB)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", str(image)], check=True, timeout=30)
    subprocess.run(["mount", "-o", "loop", str(image), str(disk)], check=True, timeout=30)
    found = Machine(disk / "home", free_offset(), {"CAPSULE_DISK_RESERVE_GIB": RESERVE_GIB})
    try:
        found.home.mkdir()
        found.start()
        yield found
        assert found.stop() == 0, found.log
        assert "Traceback" not in found.log, found.log
    finally:
        if found.process is not None and found.process.poll() is None:
            found.process.kill()
            found.process.wait()
        subprocess.run(["umount", "--lazy", str(disk)], check=True, timeout=30)


def write(mib: int) -> str:
    """Write and sync: data in the page cache takes no space on the disk yet."""
    return f"dd if=/dev/zero of=/tmp/file bs=1M count={mib} conv=fsync status=none"


def writing(name: str, mib: int) -> dict[str, Any]:
    return job(name, "", command=["sh", "-c", f"{write(mib)} && sleep 600"], spec={"backoffLimit": 0})


def has_recovered(machine: Machine) -> bool:
    """Return whether the last disk pressure has ended, by the machine's log."""
    return machine.log.rfind("DiskPressure has ended") > machine.log.rfind("no build starts") > 0


def status(machine: Machine, namespace: str, name: str) -> dict[str, Any]:
    pods = machine.core.list_namespaced_pod(namespace, label_selector=f"job-name={name}").items
    found: dict[str, Any] = pods[0].status.to_dict() if pods and pods[0].status else {}
    return found


def waiting_reason(machine: Machine, namespace: str, name: str) -> str:
    containers = status(machine, namespace, name).get("container_statuses") or [{"state": {}}]
    return str((containers[0]["state"].get("waiting") or {}).get("reason", ""))


def test_the_largest_pod_is_evicted_before_the_disk_is_full(small: Machine) -> None:
    neighbour, filler = small.namespace(), small.namespace()
    small.batch.create_namespaced_job(neighbour, writing("neighbour", 30))
    until(lambda: status(small, neighbour, "neighbour").get("phase") == "Running")
    small.batch.create_namespaced_job(filler, writing("filler", 500))
    until(lambda: status(small, filler, "filler").get("phase") == "Failed", 30)
    found = status(small, filler, "filler")
    assert found["reason"] == "Evicted"
    assert found["message"].startswith("The node was low on resource: ephemeral-storage. Threshold quantity: 256 MiB, available: ")
    assert found["container_statuses"][0]["state"]["terminated"]["reason"] == "Evicted"
    until(lambda: has_recovered(small))
    assert shutil.disk_usage(small.home).free > 320 * MIB
    assert status(small, neighbour, "neighbour")["phase"] == "Running"
    assert small.log.count(f"evicting pod {filler}/") == 1 and f"evicting pod {neighbour}/" not in small.log
    small.core.delete_namespace(neighbour)


def test_an_evicted_instance_restarts_when_there_is_space(small: Machine) -> None:
    namespace = small.namespace()
    command = ["sh", "-c", f"{write(500)}; exec python -m tests.knative.serving.sample"]
    small.create(service(namespace, command=command, annotations={"autoscaling.knative.dev/min-scale": "1"}))
    until(lambda: small.log.count(f"evicting pod {namespace}/") >= 2, 60)
    until(lambda: has_recovered(small))
    evicted = [pod for pod in small.pods(namespace, "sample") if pod.status.reason == "Evicted"]
    assert len(evicted) == 1, "one evicted pod of each owner stays"
    small.delete(namespace, "sample")
    until(lambda: not small.pods(namespace, "sample") and has_recovered(small))


def test_a_build_waits_until_there_is_space(small: Machine) -> None:
    namespace, ballast = small.namespace(), small.home / "ballast"
    ballast.write_bytes(b"x" * (DISK_MIB - 150) * MIB)
    body = job("build", "", command=["true"], spec={"backoffLimit": 0}, annotations={"local.capsule.dev/push": "/workspace/image"})
    small.batch.create_namespaced_job(namespace, body)
    until(lambda: waiting_reason(small, namespace, "build") == "NodeHasDiskPressure")
    pod = small.core.list_namespaced_pod(namespace, label_selector="job-name=build").items[0].metadata.name
    assert "The node had condition: [DiskPressure]. It starts when" in small.core.read_namespaced_pod_log(pod, namespace)
    ballast.unlink()
    until(lambda: status(small, namespace, "build").get("phase") == "Failed")
    assert has_recovered(small)
    terminated = status(small, namespace, "build")["container_statuses"][0]["state"]["terminated"]
    assert terminated["reason"] == "ImagePushFailed", "it ran and left no image"
