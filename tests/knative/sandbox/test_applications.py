"""A hostile application gets hold of nothing that is not its own, and uses no more than it was given."""

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
from tests.knative.sandbox.conftest import CONNECTED, HOSTILE, Neighbour, wishes_of

pytestmark = pytest.mark.skipif(detect() is Isolation.NONE, reason="neither root's namespaces nor bubblewrap work here")
shared_network = pytest.mark.skipif(not CONNECTED, reason="slirp4netns is not here: tenants share the machine's network, and `up` says so")
LIMITS = {"memory": "128Mi", "cpu": "500m"}
SMALL = {"volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}}]}


def hostile(machine: Machine, namespace: str, limits: dict[str, str] | None = None) -> Any:
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]
    resources = {"limits": {**LIMITS, **(limits or {})}}
    machine.create(service(namespace, "hostile", command=HOSTILE, resources=resources, spec=SMALL, volumeMounts=mounts))
    return machine.http(machine.ready(namespace, "hostile"))


@shared_network
def test_it_gets_hold_of_nothing(machine: Machine, neighbour: Neighbour, doors: list[list[Any]]) -> None:
    wishes = [*wishes_of(machine, neighbour), *doors]
    if os.geteuid() == 0:
        ours = attempt([wish for wish in wishes if wish[0] not in ("write", "root", "own_secrets")])
        assert len(ours) > 20, f"without the sandbox this must succeed, or the test proves nothing: {ours}"
    with hostile(machine, machine.namespace()) as http:
        assert http.post("/attempt", json=wishes).json() == []


@shared_network
def test_it_has_its_own_loopback_and_the_outside(machine: Machine) -> None:
    namespace = machine.namespace()
    with hostile(machine, namespace) as http:
        (pid,) = machine.pids(namespace)
        own = next(int(each[5:]) for each in Path(f"/proc/{pid}/environ").read_text().split("\0") if each.startswith("PORT="))
        assert http.post("/attempt", json=[["connect", "127.0.0.1", own]]).json() == [f"connected to 127.0.0.1:{own}"]
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")


def ended(machine: Machine, namespace: str, reason: str) -> str:
    """The message of the container's last end, once it has ended for that reason."""

    def look() -> str | None:
        for pod in machine.pods(namespace, "hostile"):
            for status in pod.status.container_statuses or []:
                found = status.last_state and status.last_state.terminated
                if found is not None and found.reason == reason:
                    return f"{found.exit_code} {found.message}"
        return None

    return str(until(look, 40))


def use(http: httpx.Client, what: str) -> None:
    """It does not live to answer."""
    answer = http.post("/use", params={"what": what})
    assert answer.status_code in (502, 503), answer.text


@pytest.fixture
def watched(machine: Machine) -> None:
    if machine.has_disks:
        pytest.skip("the kernel refuses what is over a disk's limit; nothing is watched")


@pytest.fixture
def refused(machine: Machine) -> None:
    if not machine.has_disks:
        pytest.skip("there are no disk images here: what a container writes is watched")


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
def test_more_than_it_was_given_ends_it_with_the_reason_and_it_is_started_again(machine: Machine, what: str, reason: str, words: str) -> None:
    if machine.has_disks and reason == "Evicted":
        pytest.skip("the kernel refuses what is over a disk's limit; nothing is watched")
    if machine.by_root and what == "unreadable":
        pytest.skip("root reads it")
    namespace = machine.namespace()
    with hostile(machine, namespace) as http:
        use(http, what)
        assert words in ended(machine, namespace, reason)
        again = until(lambda: (answer := http.get("/")).status_code == 200 and answer.json())
        mounted = {part for part in PROJECT.parts[2:3] if PROJECT.parts[1] == "tmp"}  # a checkout below /tmp is seen at its place
        assert set(again["tmp"]) <= mounted or what == "memory", "it begins with an empty folder"


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("what", ["disk", "unlinked", "file", "inodes", "deep"])
def test_the_kernel_refuses_more_disk_than_it_was_given_and_it_lives_on(machine: Machine, what: str) -> None:
    namespace = machine.namespace()
    with hostile(machine, namespace) as http:
        found = http.post("/use", params={"what": what}).json()
        assert found["error"] == "No space left on device" and found["bytes"] <= 16 << 20, found
        assert http.get("/").status_code == 200
        assert [pod.status.container_statuses[0].restart_count for pod in machine.pods(namespace, "hostile")] == [0]


@pytest.mark.usefixtures("watched")
def test_one_file_is_never_larger_than_all_that_it_may_write(machine: Machine) -> None:
    """Between two looks at its folders it could otherwise fill the disk."""
    with hostile(machine, machine.namespace(), {"ephemeral-storage": "16Mi"}) as http:
        answer = http.post("/use", params={"what": "file"})
        assert answer.status_code != 200 or (answer.json()["error"] == "File too large" and answer.json()["bytes"] <= 16 << 20), answer.text


@pytest.mark.parametrize(("what", "error", "most"), [("shared", "No space left on device", 64 << 20), ("devices", "Read-only file system", 0)])
def test_of_dev_it_fills_no_more_than_the_shared_memory_that_is_there(machine: Machine, what: str, error: str, most: int) -> None:
    with hostile(machine, machine.namespace(), {"memory": "512Mi"}) as http:
        found = http.post("/use", params={"what": what}).json()
        assert found == {"error": error, "bytes": most}


def test_it_cannot_fork_without_end(machine: Machine, neighbour: Neighbour) -> None:
    with hostile(machine, machine.namespace(), {"memory": "1Gi"}) as http:
        answer = http.post("/use", params={"what": "fork"})
        assert answer.status_code == 200, f"{answer.text}\n{machine.log[-1000:]}"
        found = answer.json()
        assert found["children"] < 256 and found["error"] == "Resource temporarily unavailable", found
    assert Path(f"/proc/{neighbour.pid}").exists()


def test_it_gets_its_share_of_the_processor_and_no_more(machine: Machine) -> None:
    if not machine.by_root:
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
