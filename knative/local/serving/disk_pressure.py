"""When the disk of this machine is low, and what is done about it: a pure decision, after kubelet's node-pressure eviction.

Disk images and image stores are limited one by one and are overcommitted together: PostgreSQL, RabbitMQ and the object store lie on the same file
system and stop when it is full. So a reserve of it is kept free. Below the reserve, what can be made again goes first, then one tenant's pod at a
time, the one whose disks hold the most. https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

GIB = 1 << 30
VARIABLE = "CAPSULE_DISK_RESERVE_GIB"
MIN_RESERVE_BYTES = 2 * GIB
"""What PostgreSQL's write-ahead log may grow to (max_wal_size) and the data of a busy minute, twice."""
RESERVE_PERCENT, MAX_RESERVE_PERCENT = 5, 10
"""Of the file system. 10 % is kubelet's default threshold (nodefs.available)."""
RECOVERY_PERCENT = 125
"""Of the reserve: pressure ends when so much is free (kubelet's minimum reclaim), so that it does not begin again at the next write."""
MIN_EVICTION_BYTES = 8 << 20
"""A pod that holds less is not evicted: the size of the smallest disk, of which formatting takes a part. It would cost an outage and gain nothing."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """Free bytes below which disk pressure begins, and from which on it ends."""

    begins_below_bytes: int
    ends_at_bytes: int

    @classmethod
    def of(cls, bytes: int) -> "Reserve":
        return cls(bytes, bytes * RECOVERY_PERCENT // 100)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tenant's pod that may be evicted. `uid` identifies it."""

    uid: str
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class Observation:
    free_bytes: int
    has_reclaimable: bool
    """Whether there are build caches that no build uses, or images that nothing references."""
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
    """Returns whether there is disk pressure, and the one thing to do before the next observation.

    Between the two thresholds pressure stays as it was: nobody is evicted there, and what is reclaimable still goes.
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
    """CAPSULE_DISK_RESERVE_GIB, else the larger of 2 GiB and 5 % of the file system, at most 10 %. Raises ValueError."""
    if not (text := environment.get(VARIABLE, "")):
        default = max(MIN_RESERVE_BYTES, total_bytes * RESERVE_PERCENT // 100)
        return Reserve.of(min(default, total_bytes * MAX_RESERVE_PERCENT // 100))
    try:
        gib = float(text)
    except ValueError:
        gib = -1.0
    if not 0 <= gib * GIB < total_bytes:
        raise ValueError(
            f"{VARIABLE} is {text!r}; it must be a number of GiB from 0 (no reserve) to less than the size of the disk, "
            f"{total_bytes / GIB:.1f} GiB, as in {VARIABLE}=4"
        )
    return Reserve.of(int(gib * GIB))


def size(count: int) -> str:
    """Bytes for a person, in the binary units of Kubernetes' quantities."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / (1 << 20):.0f} MiB"
