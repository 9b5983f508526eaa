"""Disk pressure: the decision (pure), and its execution on a file system whose size the test sets."""

import asyncio
import json
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from knative.local.serving import eviction
from knative.local.serving.disk_pressure import (
    GIB,
    MIN_EVICTION_BYTES,
    Candidate,
    Decision,
    Evict,
    Observation,
    Reclaim,
    Reserve,
    decide,
    reserve_from,
)
from knative.local.serving.eviction import DiskPressure, FileSystem

RESERVE = Reserve(100, 125)
SMALL, LARGE, LARGEST = Candidate("a", MIN_EVICTION_BYTES - 1), Candidate("b", MIN_EVICTION_BYTES), Candidate("c", MIN_EVICTION_BYTES + 1)


CASES = list(product((False, True), (0, 99, 100, 124, 125), (False, True), ((), (SMALL,), (LARGE,))))


@pytest.mark.parametrize(("was", "free", "reclaimable", "candidates"), CASES)
def test_every_case_of_the_disk_pressure_decision(was: bool, free: int, reclaimable: bool, candidates: tuple[Candidate, ...]) -> None:
    found = decide(was, Observation(free, reclaimable, candidates), RESERVE)
    assert found.is_under_pressure is (free < 100 or (was and free < 125)), "it begins below the reserve and ends at 125 % of it"
    if not found.is_under_pressure:
        assert found.action is None
    elif reclaimable:
        assert found.action == Reclaim(), "caches and images are deleted before a pod is evicted"
    elif free < 100 and candidates == (LARGE,):
        assert found.action == Evict(LARGE)
    else:
        assert found.action is None, "no pod is evicted above the reserve, nor one smaller than the smallest disk"


def test_only_the_pod_with_the_largest_disks_is_evicted() -> None:
    assert decide(False, Observation(1, False, [LARGE, LARGEST, SMALL]), RESERVE) == Decision(True, Evict(LARGEST))


@pytest.mark.parametrize(
    "total, begins", [(10 * GIB, GIB), (20 * GIB, 2 * GIB), (40 * GIB, 2 * GIB), (100 * GIB, 5 * GIB), (1000 * GIB, 50 * GIB)]
)  # fmt: skip
def test_the_default_reserve(total: int, begins: int) -> None:
    assert reserve_from({}, total) == Reserve(begins, begins * 125 // 100)


def test_the_reserve_can_be_configured() -> None:
    assert reserve_from({"CAPSULE_DISK_RESERVE_GIB": "0.5"}, 10 * GIB) == Reserve(GIB // 2, GIB // 2 * 125 // 100)
    assert reserve_from({"CAPSULE_DISK_RESERVE_GIB": "0"}, 10 * GIB) == Reserve(0, 0)


@pytest.mark.parametrize("text", ["-1", "ten", "10", "nan", "inf"])
def test_an_invalid_reserve_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"CAPSULE_DISK_RESERVE_GIB is .* below the size of the disk"):
        reserve_from({"CAPSULE_DISK_RESERVE_GIB": text}, 10 * GIB)


MIB = 1 << 20


@dataclass
class TenantPod:
    name: str
    disk_bytes: int | None
    namespace: str = "app-shop"

    @property
    def uid(self) -> str:
        return f"uid-{self.name}"

    @property
    def object(self) -> dict[str, Any]:
        owners = [{"uid": f"owner-{self.name}"}]
        return {"metadata": {"name": self.name, "uid": self.uid, "ownerReferences": owners}, "spec": {"containers": [{"name": "web"}]}}


@dataclass
class Machine:
    """A disk of 10 GiB with pods that can be evicted, a cache that can be reclaimed, and other files."""

    state: Path
    pods: list[TenantPod]
    cache_bytes: int = 0
    others_bytes: int = 0
    evicted: list[tuple[str, str]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    fails: bool = False
    measurements: int = 0

    def measure(self, folder: Path) -> FileSystem:
        assert folder == self.state
        self.measurements += 1
        used = self.others_bytes + self.cache_bytes + sum(pod.disk_bytes or 0 for pod in self.pods)
        return FileSystem(10 * GIB, 10 * GIB - used)

    def tenant_pods(self) -> list[TenantPod]:
        return self.pods

    async def evict(self, uid: str, message: str) -> None:
        (pod,) = [each for each in self.pods if each.uid == uid]
        self.pods.remove(pod)
        self.evicted.append((pod.name, message))

    def is_any(self) -> bool:
        return self.cache_bytes > 0

    def reclaim(self) -> None:
        if self.fails:
            raise OSError(28, "No space left on device")
        self.cache_bytes = 0

    def is_deleted(self) -> bool:
        return True

    def disk_pressure(self) -> DiskPressure:
        environment = {"CAPSULE_DISK_RESERVE_GIB": "1"}
        return DiskPressure(
            self, self, self.state, is_build=lambda pod: pod["metadata"]["name"].startswith("build"), measure=self.measure, environment=environment
        )

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / eviction.STATUS).read_text())
        return found


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eviction, "SETTLE_SECONDS", 0.0)


def build() -> dict[str, Any]:
    return TenantPod("build-1", 0).object


async def test_caches_are_reclaimed_before_the_largest_pod_is_evicted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(tmp_path, [TenantPod("small", 100 * MIB), TenantPod("large", 900 * MIB), TenantPod("idle", None)], cache_bytes=20 * MIB)
    pressure = machine.disk_pressure()
    assert await pressure.check() == Decision(False)
    assert pressure.refusal(build()) is None

    machine.others_bytes = 8 * GIB + 100 * MIB
    assert (await pressure.check()).action == Reclaim()
    assert machine.cache_bytes == 0 and not machine.evicted
    assert machine.status()["is_under_pressure"]
    assert (await pressure.check()).action == Evict(Candidate("uid-large", 900 * MIB))
    ((name, message),) = machine.evicted
    assert name == "large"
    assert message == (
        "The node was low on resource: ephemeral-storage. Threshold quantity: 1.0 GiB, available: 948 MiB. "
        "Container web was using 900 MiB, request is 0, has larger consumption of ephemeral-storage."
    )
    assert await pressure.check() == Decision(False), "one eviction was enough"
    assert not machine.status()["is_under_pressure"]
    assert [record.getMessage().split(":")[0] for record in caplog.records if record.levelname == "WARNING"] == ["DiskPressure"] * 3


async def test_builds_and_evicted_owners_wait_under_pressure(tmp_path: Path) -> None:
    filler, other = TenantPod("filler", 2 * GIB), TenantPod("other", 1 * MIB)
    machine = Machine(tmp_path, [filler, other], others_bytes=7 * GIB + 100 * MIB)
    pressure = machine.disk_pressure()
    await pressure.check()
    assert [name for name, _ in machine.evicted] == ["filler"]
    machine.others_bytes = 9 * GIB - 100 * MIB  # between the thresholds
    assert (await pressure.check()).is_under_pressure
    for pod in (build(), filler.object):
        assert pressure.refusal(pod) == (
            "The node had condition: [DiskPressure]. It starts when 1.2 GiB of the machine's disk are free; 1.1 GiB are free now."
        )
    assert pressure.refusal(other.object) is None
    machine.others_bytes = 8 * GIB
    await pressure.check()
    assert pressure.refusal(build()) is None and pressure.refusal(filler.object) is None


async def test_a_build_notices_a_full_disk_without_running_pods(tmp_path: Path) -> None:
    machine = Machine(tmp_path, [], others_bytes=9 * GIB + 500 * MIB)
    pressure = machine.disk_pressure()
    assert "[DiskPressure]" in str(pressure.refusal(build()))
    assert machine.status()["is_under_pressure"]


async def test_a_failed_reclaim_does_not_prevent_an_eviction(tmp_path: Path) -> None:
    machine = Machine(tmp_path, [TenantPod("large", 1 * GIB)], cache_bytes=20 * MIB, others_bytes=8 * GIB + 100 * MIB, fails=True)
    pressure = machine.disk_pressure()
    assert (await pressure.check()).action == Reclaim()
    assert (await pressure.check()).action == Evict(Candidate("uid-large", 1 * GIB))


async def test_small_pods_stay_and_the_error_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(tmp_path, [TenantPod("small", 1 * MIB)], others_bytes=9 * GIB + 500 * MIB)
    pressure = machine.disk_pressure()
    assert [await pressure.check(), await pressure.check()] == [Decision(True), Decision(True)]
    assert not machine.evicted
    assert len([record for record in caplog.records if record.levelname == "ERROR" and "nothing more" in record.getMessage()]) == 1


async def test_the_disk_is_checked_only_while_tenants_pods_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, [])
    monkeypatch.setattr(eviction, "CHECK_SECONDS", 0.001)
    pressure = machine.disk_pressure()
    await pressure.start()
    try:
        before = machine.measurements
        await asyncio.sleep(0.1)
        assert machine.measurements == before
        machine.pods.append(TenantPod("large", 2 * GIB))
        machine.others_bytes = 8 * GIB
        async with asyncio.timeout(60):
            while not machine.evicted:  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.01)
        assert machine.status()["reserve_bytes"] == GIB
    finally:
        await pressure.stop()
