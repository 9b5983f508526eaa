"""CPU and memory of process trees, from /proc."""

from collections.abc import Iterable

import psutil

ENDED = (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError)


def tree(root: psutil.Process | None) -> list[psutil.Process]:
    """A process and its descendants; empty when it has ended."""
    if root is None or not root.is_running():
        return []
    return [root, *root.children(recursive=True)]


def cpu_seconds(roots: Iterable[psutil.Process | None]) -> float:
    """User and system time of process trees, including children that ended and were reaped by a process of the tree."""
    total = 0.0
    for root in roots:
        for process in tree(root):
            try:
                times = process.cpu_times()
            except ENDED:
                continue
            total += times.user + times.system + times.children_user + times.children_system
    return total


def resident(roots: Iterable[psutil.Process | None]) -> float:
    """Proportional set size in MB (10^6 bytes): pages that forks share count once."""
    total = 0
    for root in roots:
        for process in tree(root):
            try:
                total += process.memory_full_info().pss
            except ENDED:
                continue
    return total / 1e6
