"""Keep a reserve of the machine's disk free: look at it, reclaim, evict (`disk_pressure` decides).

Looking is one statvfs(3), and happens only while tenants' pods run or pressure lasts. Under pressure no build starts, and neither does an instance of
what was evicted; other instances do, since an instance that writes nothing takes nothing.
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
from knative.local.serving.disk_pressure import Candidate, Decision, Evict, Observation, Reclaim, Reserve, decide, reserve_from, size

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
NEAR_SECONDS = 1.0
"""Between two looks while less than NEAR times the reserve is free, and under pressure."""
NEAR = 2
DELETION_SECONDS = 30.0
"""Longest wait for what was thrown away to be deleted."""
SETTLE_SECONDS = 1.0
"""The kernel detaches an ended container's disks a moment after its last process; only then is their space free."""
STATUS = "disk-pressure.json"
CONDITION = "The node had condition: [DiskPressure]."
"""kubelet's words (pkg/kubelet/eviction)."""


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
    """The tenants' pods of this machine; the platform's own are not among them."""

    def tenants(self) -> Sequence[TenantPod]: ...

    async def evict(self, uid: str, message: str) -> None:
        """Returns when its container has ended and its disks are in the trash."""
        ...


class Reclaimable(Protocol):
    """What the platform keeps and can make again."""

    def is_any(self) -> bool: ...
    def reclaim(self) -> None: ...
    def is_deleted(self) -> bool:
        """Whether the files of all that was thrown away are deleted."""
        ...


@dataclass(frozen=True, slots=True)
class FileSystem:
    total_bytes: int
    free_bytes: int
    """For users other than root: PostgreSQL is none of root's (statvfs(3), f_bavail)."""

    @classmethod
    def at(cls, folder: Path) -> "FileSystem":
        found = os.statvfs(folder)
        return cls(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


class DiskPressure:
    """A Part. `measure` looks at the file system of the state folder."""

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
        self._is_near = False
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
        """Why a tenant's pod may not start now; None: it may. A build looks at the disk itself: no pod may have run until now."""
        is_build = self._is_build(pod)
        if not is_build and owner(pod) not in self._evicted:
            return None
        free = self._free()
        if free < self.reserve.begins_below_bytes:
            self._become(True, free)
        if not self.is_under_pressure:
            return None
        return f"{CONDITION} It starts when {size(self.reserve.ends_at_bytes)} of the machine's disk are free; {size(free)} are free now."

    async def look(self) -> Decision:
        """Looks once and does what is to be done. Returns what was decided."""
        pods = {pod.uid: pod for pod in self._pods.tenants()}
        free = self._free()
        self._is_near = self.is_under_pressure or free < NEAR * self.reserve.begins_below_bytes
        if not self.is_under_pressure and free >= self.reserve.begins_below_bytes:
            return Decision(False)
        candidates = [Candidate(uid, pod.disk_bytes or 0) for uid, pod in pods.items()]
        has_reclaimable = not self._has_failed_to_reclaim and self._reclaimable.is_any()
        decision = decide(self.is_under_pressure, Observation(free, has_reclaimable, candidates), self.reserve)
        self._become(decision.is_under_pressure, free)
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
        """Returns the seconds until the next look."""
        has_tenants = bool(self._pods.tenants())
        if not (has_tenants or self.is_under_pressure):
            return LOOK_SECONDS
        try:
            decision = await self.look()
        except Exception:
            log.exception("the free space of the disk could not be kept; it is tried again")
            return LOOK_SECONDS
        if decision.action is not None:
            return 0.0
        return NEAR_SECONDS if has_tenants and self._is_near else LOOK_SECONDS

    async def _reclaim(self) -> None:
        log.warning("DiskPressure: deleting build caches that no build uses and images that nothing references")
        try:
            self._reclaimable.reclaim()
        except OSError as error:  # renaming may need a block, too; pods are evicted next
            self._has_failed_to_reclaim = True
            log.error("DiskPressure: build caches and images could not be deleted: %s", error)
        await self._await_deletion()

    async def _evict(self, pod: TenantPod, candidate: Candidate, free_bytes: int) -> None:
        container = pod.object["spec"]["containers"][0]["name"]
        message = (
            f"The node was low on resource: ephemeral-storage. Threshold quantity: {size(self.reserve.begins_below_bytes)}, "
            f"available: {size(free_bytes)}. Container {container} was using {size(candidate.disk_bytes)}, request is 0, "
            "has larger consumption of ephemeral-storage."
        )
        log.warning("DiskPressure: evicting pod %s/%s, whose disks hold %s", pod.namespace, pod.name, size(candidate.disk_bytes))
        self._evicted.add(owner(pod.object))
        await self._pods.evict(pod.uid, message)
        await self._await_deletion()

    async def _await_deletion(self) -> None:
        until = asyncio.get_running_loop().time() + DELETION_SECONDS
        while not self._reclaimable.is_deleted() and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110 - rare, and short
            await asyncio.sleep(0.05)
        await asyncio.sleep(SETTLE_SECONDS)

    def _become(self, is_under_pressure: bool, free_bytes: int) -> None:
        if is_under_pressure == self.is_under_pressure:
            return
        self.is_under_pressure = is_under_pressure
        if is_under_pressure:
            reserve = size(self.reserve.begins_below_bytes)
            log.warning("DiskPressure: %s of the disk are free, less than the reserve of %s; no build starts", size(free_bytes), reserve)
        else:
            log.info("DiskPressure is over: %s of the disk are free", size(free_bytes))
            self._evicted.clear()
            self._has_nothing_left = self._has_failed_to_reclaim = False
        self._write_status(free_bytes)

    def _report_nothing_left(self, free_bytes: int) -> None:
        if not self._has_nothing_left:
            self._has_nothing_left = True
            log.error(
                "DiskPressure: %s of the disk are free and applications hold nothing more that could be reclaimed; "
                "free space outside of them, or lower CAPSULE_DISK_RESERVE_GIB",
                size(free_bytes),
            )

    def _free(self) -> int:
        return self._measure(self._state).free_bytes

    def _write_status(self, free_bytes: int) -> None:
        """For `./taskw status`. A disk that is full must not end the Part that is there to free it."""
        status = {
            "is_under_pressure": self.is_under_pressure, "changed_at": time.time(), "free_bytes": free_bytes,
            "reserve_bytes": self.reserve.begins_below_bytes, "ends_at_bytes": self.reserve.ends_at_bytes,
        }  # fmt: skip
        try:
            write_private(self._state / STATUS, orjson.dumps(status))
        except OSError as error:
            log.error("%s cannot be written: %s", STATUS, error.strerror)


def owner(pod: Object) -> str:
    """The uid of the revision or Job that a pod belongs to; its own when it has no owner."""
    owners = pod["metadata"].get("ownerReferences") or []
    return str(owners[0]["uid"] if owners else pod["metadata"]["uid"])
