"""Enforce a pod's disk limit where the kernel does not (`writable`), and its memory limit where there is no control group.

Like a kubelet, the platform polls and ends a container that is over its limit (`Evicted`). Files that are unlinked and
still open count too. A single file can never be larger than the largest limit (RLIMIT_FSIZE). A container whose use
cannot be measured counts as over its limit. A pod that is restarted after an eviction begins with empty volumes.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from knative.local.processes.control_groups import ControlGroup
from knative.local.processes.process import Process
from knative.local.processes.resource_limits import DEFAULT_EPHEMERAL_STORAGE, ResourceLimits
from knative.local.quantities import parse_quantity
from knative.local.serving.pods.disk_measurement import Unmeasurable, tree_bytes, unlinked_files
from knative.local.serving.pods.exit import EVICTED, OUT_OF_MEMORY, LimitViolation
from knative.local.serving.pods.usage import proportional_memory_bytes, usage
from knative.local.trash import Trash

MIN_PAUSE_SECONDS, PAUSE_FACTOR = 0.5, 10
"""Between two measurements: at least MIN_PAUSE_SECONDS, and PAUSE_FACTOR times as long as a measurement takes."""


@dataclass(frozen=True, slots=True)
class DiskQuota:
    """Folders that together may hold `bytes`."""

    folders: tuple[Path, ...]
    bytes: int
    message: str
    """A kubelet's message for a pod that exceeds it."""


def disk_quotas(root: Iterable[Path], volumes: Path, spec: Mapping[str, Any], container: Mapping[str, Any]) -> list[DiskQuota]:
    """Return the quota of the container's writable layer, then one for each emptyDir volume.

    `root`: the folders that hold what a container writes outside of volumes.
    """
    limit = str(container.get("resources", {}).get("limits", {}).get("ephemeral-storage") or DEFAULT_EPHEMERAL_STORAGE)
    message = f"Pod ephemeral local storage usage exceeds the total limit of containers {limit}."
    quotas = [DiskQuota(tuple(root), int(parse_quantity(limit)), message)]
    for volume in spec.get("volumes") or []:
        if "emptyDir" in volume:
            limit = str((volume["emptyDir"] or {}).get("sizeLimit") or DEFAULT_EPHEMERAL_STORAGE)
            message = f'Usage of EmptyDir volume "{volume["name"]}" exceeds the limit "{limit}".'
            quotas.append(DiskQuota((volumes / volume["name"],), int(parse_quantity(limit)), message))
    return quotas


def largest_quota_bytes(spec: Mapping[str, Any], container: Mapping[str, Any]) -> int:
    return max(each.bytes for each in disk_quotas((), Path(), spec, container))


class LimitedContainer(Protocol):
    @property
    def group(self) -> ControlGroup | None: ...
    @property
    def limits(self) -> ResourceLimits: ...
    @property
    def disk_quotas(self) -> Sequence[DiskQuota]: ...


class LimitGuard:
    """Polls one run of a container.

    Await `violations`, a list with at most one task, beside the end of the process, then call `end`.
    """

    def __init__(self, process: Process, container: LimitedContainer, trash: Trash) -> None:
        self._process, self._container, self._trash = process, container, trash
        self.violations: list[asyncio.Task[LimitViolation]] = []
        self.used_bytes: int | None = None
        """Of the disk, at the last measurement; None: not measured."""
        if container.disk_quotas:
            self.violations = [asyncio.create_task(self._poll(), name=f"limits of {process.pid}")]

    async def _poll(self) -> LimitViolation:
        """Return when a limit is exceeded or cannot be checked."""
        while True:
            began = time.monotonic()
            try:
                found = await asyncio.to_thread(self._measure)
            except Unmeasurable as error:
                found = LimitViolation(EVICTED, str(error))
            except OSError as error:
                found = LimitViolation(EVICTED, f"The container's disk usage cannot be measured: {error.strerror}.")
            if found is not None:
                return found
            await asyncio.sleep(max(MIN_PAUSE_SECONDS, PAUSE_FACTOR * (time.monotonic() - began)))

    def _measure(self) -> LimitViolation | None:
        group, limits, quotas = self._container.group, self._container.limits, self._container.disk_quotas
        pids = group.pids() if group is not None else self._process.members()
        unlinked = unlinked_files(pids, quotas[0].folders[0])
        if group is None and limits.memory_bytes and _exceeds(self._process.pid, limits.memory_bytes - unlinked.memory_bytes):
            return LimitViolation(OUT_OF_MEMORY, f"The container used more than {limits.memory_bytes >> 20} MiB of memory.")
        sizes = [sum(tree_bytes(folder, each.bytes) for folder in each.folders) for each in quotas]
        for size, each in zip(sizes, quotas, strict=True):
            if size > each.bytes:
                return LimitViolation(EVICTED, each.message)
        self.used_bytes = sum(sizes) + unlinked.disk_bytes
        if self.used_bytes > sum(each.bytes for each in quotas):
            largest = max(quotas, key=lambda each: each.bytes)
            return LimitViolation(EVICTED, f"Files that are deleted and still open: {largest.message}")
        return None

    async def end(self, log_line: Callable[[str], None]) -> LimitViolation | None:
        """Stop polling. Returns the violation, if any, after the container has been ended for it."""
        found = [task.result() for task in self.violations if task.done()]
        for task in self.violations:
            task.cancel()
        if not found:
            return None
        violation = found[0]
        log_line(violation.message)
        self._process.signal(signal.SIGKILL)
        if self._container.group is not None:
            self._container.group.kill()
        await self._process.ended
        if violation.reason == EVICTED:
            await asyncio.to_thread(_empty_volumes, self._container.disk_quotas, self._trash)
        return violation


def _exceeds(pid: int, memory_bytes: int) -> bool:
    """Return whether a process and its descendants use more memory.

    The quick count is checked first; it counts shared pages several times.
    """
    (used,) = usage([(pid, None)])
    if used is None or used.memory_bytes <= memory_bytes:
        return False
    exact = proportional_memory_bytes(pid)
    return (used.memory_bytes if exact is None else exact) > memory_bytes


def _empty_volumes(quotas: Iterable[DiskQuota], trash: Trash) -> None:
    """Replace the volumes by empty folders. The first quota's folders are new at each start anyway."""
    for each in list(quotas)[1:]:
        for folder in each.folders:
            about = folder.lstat()
            trash.discard(folder)
            folder.mkdir(mode=0o700)
            if os.geteuid() == 0:
                os.chown(folder, about.st_uid, about.st_gid)
