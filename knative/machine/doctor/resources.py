"""Disk, memory and clock."""

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil

from knative.local.serving.disk_pressure import reserve_from
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import Home
from knative.machine.status.row import size

MIN_FREE_BYTES = 512 << 20
"""As `up` demands."""
MIN_FREE_INODES_PERCENT = 5
MIN_TOTAL_MEMORY_BYTES, MIN_FREE_MEMORY_BYTES = 1800 << 20, 256 << 20
TIME_ERROR = 5
"""Return value of adjtimex(2): the clock is not synchronized."""
TIMEX_BYTES = 256
"""Larger than struct timex."""
RELEASED_AT = datetime(2026, 11, 1, tzinfo=UTC)
"""A clock before it is wrong."""


@dataclass(frozen=True)
class Disk:
    path: str
    free_bytes: int
    total_bytes: int
    reserve_bytes: int
    free_inodes: int
    total_inodes: int
    """0: the file system has no fixed number (btrfs)."""
    is_writable: bool


def check_disk(home: Home, _: datetime) -> Iterator[Finding]:
    folder = home.path if home.path.exists() else next(parent for parent in home.path.parents if parent.exists())
    info = os.statvfs(folder)
    total = info.f_blocks * info.f_frsize
    reserve = reserve_from(home.environment, total).begins_below_bytes
    yield decide_disk(Disk(str(folder), info.f_bavail * info.f_frsize, total, reserve, info.f_favail, info.f_files, os.access(folder, os.W_OK)))


def decide_disk(disk: Disk) -> Finding:
    free = f"{size(disk.free_bytes)} of {size(disk.total_bytes)} free on the disk of {disk.path}"
    if not disk.is_writable:
        return Finding("disk", Level.FAULT, f"{disk.path} is not writable.", "Run the task as its owner, or use another folder: CAPSULE_HOME=…")
    if disk.free_bytes < MIN_FREE_BYTES:
        return Finding("disk", Level.FAULT, f"{free}; `up` needs 512 MiB.", "Free space, or use another disk: CAPSULE_HOME=…")
    if disk.free_bytes < disk.reserve_bytes:
        summary = f"{free}, below the reserve of {size(disk.reserve_bytes)}: builds wait, pods may be evicted."
        return Finding("disk", Level.FAULT, summary, "Free space, or lower CAPSULE_DISK_RESERVE_GIB.")
    if disk.total_inodes and disk.free_inodes * 100 < disk.total_inodes * MIN_FREE_INODES_PERCENT:
        summary = f"{disk.free_inodes} of {disk.total_inodes} inodes are free on the disk of {disk.path}."
        return Finding("disk", Level.FAULT, summary, "Delete small files (caches, logs), or make a file system with more inodes.")
    return Finding("disk", Level.GOOD, f"{free}, {disk.free_inodes} inodes" if disk.total_inodes else free)


def check_memory(_: Home, __: datetime) -> Iterator[Finding]:
    memory = psutil.virtual_memory()
    yield decide_memory(memory.total, memory.available)


def decide_memory(total_bytes: int, available_bytes: int) -> Finding:
    summary = f"{size(available_bytes)} of {size(total_bytes)} available"
    if available_bytes < MIN_FREE_MEMORY_BYTES:
        return Finding("memory", Level.FAULT, f"{summary}: the kernel will end processes.", "Stop programs or applications, or add memory.")
    if total_bytes < MIN_TOTAL_MEMORY_BYTES:
        return Finding("memory", Level.WARNING, f"{summary}: builds of larger applications need more than 2 GB.", "Add memory or swap space.")
    return Finding("memory", Level.GOOD, summary)


def check_clock(_: Home, now: datetime) -> Iterator[Finding]:
    yield decide_clock(now, _is_synchronized())


def _is_synchronized() -> bool | None:
    """What the kernel reports; None where it cannot be read. Reading needs no privilege (adjtimex(2), modes = 0)."""
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != TIME_ERROR


def decide_clock(now: datetime, is_synchronized: bool | None) -> Finding:
    text = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now < RELEASED_AT:
        return Finding(
            "clock", Level.FAULT, f"{text} is in the past: certificates and tokens are refused.", "Set the clock: timedatectl set-ntp true"
        )
    if is_synchronized is None:
        return Finding("clock", Level.NOTE, f"{text}; whether it is synchronized is not known")
    if not is_synchronized:
        summary = f"{text}, not synchronized: codes of second factors and tokens of other systems need a right clock."
        return Finding("clock", Level.WARNING, summary, "timedatectl set-ntp true, or install chrony. In a container, the host synchronizes it.")
    return Finding("clock", Level.GOOD, f"{text}, synchronized")
