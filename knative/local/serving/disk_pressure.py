"""When the machine's disk is low, and what to do about it (pure), after kubelet's node-pressure eviction.

Disk images and image stores are limited individually and overcommitted together. PostgreSQL, RabbitMQ and the object
store use the same file system and stop when it is full, so a reserve of it is kept free. Below the reserve, what can be
created again is deleted first; then tenants' pods are evicted one at a time, the one with the largest disks first.
https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from knative.installation import DISK_RESERVE_GIB
from knative.local.sizes import GIB

MIN_RESERVE_BYTES = 2 * GIB
"""Twice the size of PostgreSQL's write-ahead log (max_wal_size) and the data of a busy minute."""
RESERVE_PERCENT, MAX_RESERVE_PERCENT = 5, 10
"""Of the file system. 10 % is kubelet's default threshold (nodefs.available)."""
RECOVERY_PERCENT = 125
"""Of the reserve: pressure ends when this much is free (kubelet's minimum reclaim), so that it does not begin again
at the next write."""
MIN_EVICTION_BYTES = 8 << 20
"""A pod with smaller disks is not evicted: an outage would gain nothing. It is the size of the smallest disk image."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """Free bytes below which disk pressure begins, and at which it ends."""

    begins_below_bytes: int
    ends_at_bytes: int

    @classmethod
    def of(cls, bytes: int) -> "Reserve":
        return cls(bytes, bytes * RECOVERY_PERCENT // 100)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tenant's pod that may be evicted."""

    uid: str
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class Observation:
    free_bytes: int
    has_reclaimable: bool
    """Whether there are unused build caches or unreferenced images."""
    candidates: Sequence[Candidate] = ()


@dataclass(frozen=True, slots=True)
class Reclaim:
    """Delete unused build caches and unreferenced images."""


@dataclass(frozen=True, slots=True)
class Evict:
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Decision:
    is_under_pressure: bool
    action: Reclaim | Evict | None = None


def decide(was_under_pressure: bool, observation: Observation, reserve: Reserve) -> Decision:
    """Return whether there is disk pressure, and the one action to take before the next observation.

    Between the two thresholds the pressure stays as it was; nothing is evicted there, but reclaimable files are still
    deleted.
    """
    if observation.free_bytes >= reserve.ends_at_bytes:
        return Decision(False)
    is_low = observation.free_bytes < reserve.begins_below_bytes
    if not (is_low or was_under_pressure):
        return Decision(False)
    if observation.has_reclaimable:
        return Decision(True, Reclaim())
    largest = max(observation.candidates, key=lambda each: (each.disk_bytes, each.uid), default=None)
    if is_low and largest is not None and largest.disk_bytes >= MIN_EVICTION_BYTES:
        return Decision(True, Evict(largest))
    return Decision(True)


def reserve_from(environment: Mapping[str, str], total_bytes: int) -> Reserve:
    """Return the reserve: CAPSULE_DISK_RESERVE_GIB, else the larger of 2 GiB and 5 % of the file system, at most 10 %.

    Raises InvalidSetting.
    """
    if not (text := environment.get(DISK_RESERVE_GIB.name, "")):
        default = max(MIN_RESERVE_BYTES, total_bytes * RESERVE_PERCENT // 100)
        return Reserve.of(min(default, total_bytes * MAX_RESERVE_PERCENT // 100))
    gib = DISK_RESERVE_GIB.read(environment)
    if gib * GIB >= total_bytes:
        raise DISK_RESERVE_GIB.invalid(text, f"the disk has {total_bytes / GIB:.1f} GiB")
    return Reserve.of(int(gib * GIB))
