"""CPU and memory of process trees, as the kernel counts them."""

from collections.abc import Iterable

import psutil

GONE = (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError)


def tree(root: psutil.Process | None) -> list[psutil.Process]:
    if root is None or not root.is_running():
        return []
    return [root, *root.children(recursive=True)]


def cpu_seconds(roots: Iterable[psutil.Process | None]) -> float:
    """User and system time of these and everything below them. What has ended since counts too: its parent has reaped it."""
    total = 0.0
    for root in roots:
        for process in tree(root):
            try:
                times = process.cpu_times()
            except GONE:
                continue
            total += times.user + times.system + times.children_user + times.children_system
    return total


def resident(roots: Iterable[psutil.Process | None]) -> float:
    """Proportional set size in MB (10^6 bytes): what forks share is counted once."""
    total = 0
    for root in roots:
        for process in tree(root):
            try:
                total += process.memory_full_info().pss
            except GONE:
                continue
    return total / 1e6
