"""Read facts about processes from /proc (proc(5))."""

import os
from functools import cache
from pathlib import Path


@cache
def boot_id() -> str:
    """Return the id of this boot of the kernel (random(4)).

    With it, a pid and a start time name a process across restarts of the machine.
    """
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time_ticks(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; 0 when it does not exist.

    Pid and start time together are unique until reboot.
    """
    fields = stat_fields(pid)
    return int(fields[19]) if fields else 0


def is_running(pid: int, started_ticks: int) -> bool:
    """Return whether this process exists and has not ended. One that ended and is not yet reaped does not run."""
    fields = stat_fields(pid)
    return fields is not None and fields[0] != b"Z" and int(fields[19]) == started_ticks


def stat_fields(pid: int) -> list[bytes] | None:
    """Return the fields of /proc/<pid>/stat from the third (state) on (proc_pid_stat(5)); None when the process does not exist."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def session_members(session: int) -> list[int]:
    """Return the living processes of a session. A process that called setsid(2) is not among them."""
    return [pid for pid, fields in _living().items() if int(fields[3]) == session]


def descendants(ancestor: int) -> list[int]:
    """Return a process and its living descendants.

    For the first process of a PID namespace these are all processes of the namespace.
    """
    parents = {pid: int(fields[1]) for pid, fields in _living().items()}
    found = {ancestor} & parents.keys()
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def _living() -> dict[int, list[bytes]]:
    return {pid: fields for pid in all_pids() if (fields := stat_fields(pid)) is not None and fields[0] != b"Z"}
