"""Keep a reserve of the machine's disk free: check it, reclaim, evict (`disk_pressure` decides).

A check is one statvfs(3), and happens only while tenants' pods run or pressure lasts. Under pressure no build starts,
and no pod of an owner whose pod was evicted. Other pods start: a pod that writes nothing takes no space.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from knative.local.files import write_private
from knative.local.objects import Object
from knative.local.serving.disk_pressure import Candidate, Decision, Evict, Observation, Reclaim, Reserve, decide, reserve_from
from knative.local.sizes import format_bytes

log = logging.getLogger(__name__)

CHECK_SECONDS = 5.0
NEAR_CHECK_SECONDS = 1.0
"""Between two checks under pressure, and while less than NEAR_FACTOR times the reserve is free."""
NEAR_FACTOR = 2
DELETION_SECONDS = 30.0
"""Longest wait for the trash to be deleted."""
SETTLE_SECONDS = 1.0
"""The kernel detaches an ended container's disks a moment after its last process. Their space is free only then."""
STATUS = "disk-pressure.json"
CONDITION = "The node had condition: [DiskPressure]."
"""kubelet's message (pkg/kubelet/eviction)."""


class TenantPod(Protocol):
    @property
    def uid(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def object(self) -> Object: ...
    @property
    def disk_bytes(self) -> int | None: ...


class TenantPods(Protocol):
    """The tenants' pods of this machine, without the platform's own."""

    def tenant_pods(self) -> Sequence[TenantPod]: ...

    async def evict(self, uid: str, message: str) -> None:
        """Evict a pod. Returns when its container has ended and its disks are in the trash."""
        ...


class Reclaimable(Protocol):
    """What the platform keeps and can create again."""

    def is_any(self) -> bool: ...
    def reclaim(self) -> None: ...
    def is_deleted(self) -> bool:
        """Return whether all discarded files are deleted."""
        ...


@dataclass(frozen=True, slots=True)
class FileSystem:
    total_bytes: int
    free_bytes: int
    """For users other than root (statvfs(3), f_bavail), because PostgreSQL does not run as root."""

    @classmethod
    def at(cls, folder: Path) -> "FileSystem":
        found = os.statvfs(folder)
        return cls(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


class DiskPressure:
    """A Runnable. `measure` returns the file system of a folder."""

    def __init__(
        self,
        pods: TenantPods,
        reclaimable: Reclaimable,
        state: Path,
        *,
        is_build: Callable[[Object], bool],
        measure: Callable[[Path], FileSystem] = FileSystem.at,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.reserve: Reserve = reserve_from(environment, measure(state).total_bytes)
        self.is_under_pressure = False
        self._pods, self._reclaimable, self._state = pods, reclaimable, state
        self._is_build, self._measure = is_build, measure
        self._evicted: set[str] = set()
        """Owners (uid) of pods that were evicted under the present pressure."""
        self._is_near_reserve = False
        self._has_nothing_left = False
        self._has_failed_to_reclaim = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._write_status(self._free())
        self._task = asyncio.create_task(self._run(), name="disk pressure")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def refusal(self, pod: Object) -> str | None:
        """Return why a tenant's pod may not start now; None when it may.

        A build checks the disk itself, because without running pods no check has happened.
        """
        is_build = self._is_build(pod)
        if not is_build and owner(pod) not in self._evicted:
            return None
        free = self._free()
        if free < self.reserve.begins_below_bytes:
            self._set_pressure(True, free)
        if not self.is_under_pressure:
            return None
        required = format_bytes(self.reserve.ends_at_bytes)
        return f"{CONDITION} It starts when {required} of the machine's disk are free; {format_bytes(free)} are free now."

    async def check(self) -> Decision:
        """Check once and act. Returns the decision."""
        pods = {pod.uid: pod for pod in self._pods.tenant_pods()}
        free = self._free()
        self._is_near_reserve = self.is_under_pressure or free < NEAR_FACTOR * self.reserve.begins_below_bytes
        if not self.is_under_pressure and free >= self.reserve.begins_below_bytes:
            return Decision(False)
        candidates = [Candidate(uid, pod.disk_bytes or 0) for uid, pod in pods.items()]
        has_reclaimable = not self._has_failed_to_reclaim and self._reclaimable.is_any()
        decision = decide(self.is_under_pressure, Observation(free, has_reclaimable, candidates), self.reserve)
        self._set_pressure(decision.is_under_pressure, free)
        match decision.action:
            case Reclaim():
                await self._reclaim()
            case Evict(candidate):
                await self._evict(pods[candidate.uid], candidate, free)
            case None if decision.is_under_pressure and free < self.reserve.begins_below_bytes:
                self._report_nothing_left(free)
        return decision

    async def _run(self) -> None:
        while True:
            seconds = await self._step()
            await asyncio.sleep(seconds)

    async def _step(self) -> float:
        """Check if necessary. Returns the seconds until the next step."""
        has_tenants = bool(self._pods.tenant_pods())
        if not (has_tenants or self.is_under_pressure):
            return CHECK_SECONDS
        try:
            decision = await self.check()
        except Exception:
            log.exception("DiskPressure: the check failed and is retried")
            return CHECK_SECONDS
        if decision.action is not None:
            return 0.0
        return NEAR_CHECK_SECONDS if has_tenants and self._is_near_reserve else CHECK_SECONDS

    async def _reclaim(self) -> None:
        log.warning("DiskPressure: deleting unused build caches and unreferenced images")
        try:
            self._reclaimable.reclaim()
        except OSError as error:  # renaming may need a block as well; pods are evicted next
            self._has_failed_to_reclaim = True
            log.error("DiskPressure: build caches and images could not be deleted: %s", error)
        await self._await_deletion()

    async def _evict(self, pod: TenantPod, candidate: Candidate, free_bytes: int) -> None:
        container = pod.object["spec"]["containers"][0]["name"]
        message = (
            f"The node was low on resource: ephemeral-storage. Threshold quantity: {format_bytes(self.reserve.begins_below_bytes)}, "
            f"available: {format_bytes(free_bytes)}. Container {container} was using {format_bytes(candidate.disk_bytes)}, request is 0, "
            "has larger consumption of ephemeral-storage."
        )
        log.warning("DiskPressure: evicting pod %s/%s, whose disks take %s", pod.namespace, pod.name, format_bytes(candidate.disk_bytes))
        self._evicted.add(owner(pod.object))
        await self._pods.evict(pod.uid, message)
        await self._await_deletion()

    async def _await_deletion(self) -> None:
        deadline = asyncio.get_running_loop().time() + DELETION_SECONDS
        while not self._reclaimable.is_deleted() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - rare, and short
            await asyncio.sleep(0.05)
        await asyncio.sleep(SETTLE_SECONDS)

    def _set_pressure(self, is_under_pressure: bool, free_bytes: int) -> None:
        if is_under_pressure == self.is_under_pressure:
            return
        self.is_under_pressure = is_under_pressure
        if is_under_pressure:
            reserve = format_bytes(self.reserve.begins_below_bytes)
            log.warning("DiskPressure: %s of the disk are free, less than the reserve of %s; no build starts", format_bytes(free_bytes), reserve)
        else:
            log.info("DiskPressure has ended: %s of the disk are free", format_bytes(free_bytes))
            self._evicted.clear()
            self._has_nothing_left = self._has_failed_to_reclaim = False
        self._write_status(free_bytes)

    def _report_nothing_left(self, free_bytes: int) -> None:
        if not self._has_nothing_left:
            self._has_nothing_left = True
            log.error(
                "DiskPressure: %s of the disk are free, and applications hold nothing more that could be reclaimed. "
                "Free space elsewhere on the disk, or lower CAPSULE_DISK_RESERVE_GIB",
                format_bytes(free_bytes),
            )

    def _free(self) -> int:
        return self._measure(self._state).free_bytes

    def _write_status(self, free_bytes: int) -> None:
        """Write the status for `./taskw status`.

        A full disk must not stop the task that frees it, so a failure is only logged.
        """
        status = {
            "is_under_pressure": self.is_under_pressure, "changed_at": time.time(), "free_bytes": free_bytes,
            "reserve_bytes": self.reserve.begins_below_bytes, "ends_at_bytes": self.reserve.ends_at_bytes,
        }  # fmt: skip
        try:
            write_private(self._state / STATUS, orjson.dumps(status))
        except OSError as error:
            log.error("%s cannot be written: %s", STATUS, error.strerror)


def owner(pod: Object) -> str:
    """Return the uid of the revision or Job that a pod belongs to; the pod's own when it has no owner."""
    owners = pod["metadata"].get("ownerReferences") or []
    return str(owners[0]["uid"] if owners else pod["metadata"]["uid"])
