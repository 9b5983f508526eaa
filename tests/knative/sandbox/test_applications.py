"""A hostile application gets nothing that is not its own, and cannot exceed its limits."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from knative.local.sandbox.isolation import detect
from knative.local.sandbox.plan import Isolation
from knative.machine.home import PROJECT
from tests.knative.machine import Machine, service, until
from tests.knative.sandbox.attempts import attempt
from tests.knative.sandbox.conftest import HAS_NETWORKS, HOSTILE, Neighbour, attempts_on

pytestmark = pytest.mark.skipif(detect() is Isolation.NONE, reason="neither root's namespaces nor bubblewrap work here")
needs_networks = pytest.mark.skipif(not HAS_NETWORKS, reason="slirp4netns is not installed: tenants share the machine's network")
LIMITS = {"memory": "128Mi", "cpu": "500m"}
SMALL = {"volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}}]}


def hostile(machine: Machine, namespace: str, limits: dict[str, str] | None = None) -> Any:
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]
    resources = {"limits": {**LIMITS, **(limits or {})}}
    machine.create(service(namespace, "hostile", command=HOSTILE, resources=resources, spec=SMALL, volumeMounts=mounts))
    return machine.http(machine.ready(namespace, "hostile"))


@needs_networks
def test_an_application_gets_hold_of_nothing(machine: Machine, neighbour: Neighbour, listeners: list[list[Any]]) -> None:
    attempts = [*attempts_on(machine, neighbour), *listeners]
    if os.geteuid() == 0:
        own = attempt([each for each in attempts if each[0] not in ("write", "root", "own_secrets")])
        assert len(own) > 20, f"without the sandbox this must succeed, or the test proves nothing: {own}"
    with hostile(machine, machine.namespace()) as http:
        assert http.post("/attempt", json=attempts).json() == []


@needs_networks
def test_an_application_has_its_own_loopback(machine: Machine) -> None:
    namespace = machine.namespace()
    with hostile(machine, namespace) as http:
        (pid,) = machine.pids(namespace)
        own = next(int(each[5:]) for each in Path(f"/proc/{pid}/environ").read_text().split("\0") if each.startswith("PORT="))
        assert http.post("/attempt", json=[["connect", "127.0.0.1", own]]).json() == [f"connected to 127.0.0.1:{own}"]
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")


@pytest.mark.parametrize("address", [{"value": "::1"}, {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}], ids=["IPv6", "host name"])
def test_an_application_may_listen_on_ipv6_only_or_on_its_host_name(machine: Machine, address: dict[str, Any]) -> None:
    namespace = machine.namespace()
    machine.enable_feature("kubernetes.podspec-fieldref")
    machine.create(service(namespace, env=[{"name": "LISTEN_AT", **address}]))
    with machine.http(machine.ready(namespace, "sample")) as http:
        assert http.get("/").status_code == 200


def ended(machine: Machine, namespace: str, reason: str) -> str:
    """Wait until the container has ended for a reason, and return its exit code and message."""

    def look() -> str | None:
        for pod in machine.pods(namespace, "hostile"):
            for status in pod.status.container_statuses or []:
                found = status.last_state and status.last_state.terminated
                if found is not None and found.reason == reason:
                    return f"{found.exit_code} {found.message}"
        return None

    return str(until(look, 40))


def use(http: httpx.Client, what: str) -> None:
    """Make the application exceed a limit. It ends before it answers."""
    answer = http.post("/use", params={"what": what})
    assert answer.status_code in (502, 503), answer.text


@pytest.fixture
def polled(machine: Machine) -> None:
    if machine.has_disks:
        pytest.skip("the kernel enforces disk limits; nothing is polled")


@pytest.fixture
def enforced(machine: Machine) -> None:
    if not machine.has_disks:
        pytest.skip("no disk images here: disk usage is polled")


@pytest.mark.parametrize(
    ("what", "reason", "words"),
    [
        ("memory", "OOMKilled", "needed more memory than its limit of 128Mi"),
        ("anonymous", "OOMKilled", "needed more memory than its limit of 128Mi"),
        ("disk", "Evicted", 'Usage of EmptyDir volume "tmp" exceeds the limit "16Mi"'),
        ("unlinked", "Evicted", "deleted and still open"),
        ("deep", "Evicted", "nested deeper than"),
        ("unreadable", "Evicted", "denies reading to its owner"),
    ],
)
def test_exceeding_a_limit_ends_and_restarts_the_container(machine: Machine, what: str, reason: str, words: str) -> None:
    if machine.has_disks and reason == "Evicted":
        pytest.skip("the kernel enforces disk limits; nothing is polled")
    if machine.is_root and what == "unreadable":
        pytest.skip("root reads it")
    namespace = machine.namespace()
    with hostile(machine, namespace) as http:
        use(http, what)
        assert words in ended(machine, namespace, reason)
        restarted = until(lambda: (answer := http.get("/")).status_code == 200 and answer.json())
        mounted = {part for part in PROJECT.parts[2:3] if PROJECT.parts[1] == "tmp"}  # a checkout below /tmp is seen at its place
        assert set(restarted["tmp"]) <= mounted or what == "memory", "it begins with an empty folder"


@pytest.mark.usefixtures("enforced")
@pytest.mark.parametrize("what", ["disk", "unlinked", "file", "inodes", "deep"])
def test_the_kernel_enforces_the_disk_limit_and_the_container_survives(machine: Machine, what: str) -> None:
    namespace = machine.namespace()
    with hostile(machine, namespace) as http:
        found = http.post("/use", params={"what": what}).json()
        assert found["error"] == "No space left on device" and found["bytes"] <= 16 << 20, found
        assert http.get("/").status_code == 200
        assert [pod.status.container_statuses[0].restart_count for pod in machine.pods(namespace, "hostile")] == [0]


@pytest.mark.usefixtures("polled")
def test_a_single_file_never_exceeds_the_disk_limit(machine: Machine) -> None:
    """Otherwise it could fill the disk between two measurements."""
    with hostile(machine, machine.namespace(), {"ephemeral-storage": "16Mi"}) as http:
        answer = http.post("/use", params={"what": "file"})
        assert answer.status_code != 200 or (answer.json()["error"] == "File too large" and answer.json()["bytes"] <= 16 << 20), answer.text


@pytest.mark.parametrize(("what", "error", "most"), [("shared", "No space left on device", 64 << 20), ("devices", "Read-only file system", 0)])
def test_only_the_shared_memory_in_dev_can_be_filled(machine: Machine, what: str, error: str, most: int) -> None:
    with hostile(machine, machine.namespace(), {"memory": "512Mi"}) as http:
        found = http.post("/use", params={"what": what}).json()
        assert found == {"error": error, "bytes": most}


def test_the_number_of_processes_is_limited(machine: Machine, neighbour: Neighbour) -> None:
    with hostile(machine, machine.namespace(), {"memory": "1Gi"}) as http:
        answer = http.post("/use", params={"what": "fork"})
        assert answer.status_code == 200, f"{answer.text}\n{machine.log[-1000:]}"
        found = answer.json()
        assert found["children"] < 256 and found["error"] == "Resource temporarily unavailable", found
    assert Path(f"/proc/{neighbour.pid}").exists()


def test_the_cpu_limit_is_applied(machine: Machine) -> None:
    if not machine.is_root:
        pytest.skip("control groups are root's")
    namespace = machine.namespace()
    with hostile(machine, namespace):
        (pid,) = machine.pids(namespace)
        groups = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        paths = {kind: path.lstrip("/") for _, kinds, path in (line.split(":", 2) for line in groups) for kind in kinds.split(",")}
        root = Path("/sys/fs/cgroup")
        if (root / "cgroup.controllers").exists():
            assert (root / paths[""] / "cpu.max").read_text() == "50000 100000\n"
        else:
            assert (root / "cpu" / paths["cpu"] / "cpu.cfs_quota_us").read_text() == "50000\n"
