"""Other processes: which are visible, and which can be signalled, traced, read or slowed down."""

import ctypes
import os
import resource

from . import in_child, outcome
from .kernel import call, check

PTRACE_SEIZE = 0x4206


def visible():
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as file:
                found[int(pid)] = file.read().strip()
        except OSError:
            continue
    return found


def trace(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    check(libc.ptrace(PTRACE_SEIZE, pid, None, None))


def read_memory(pid):
    class Vector(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    buffer = ctypes.create_string_buffer(8)
    local, remote = Vector(ctypes.addressof(buffer), 8), Vector(0x400000, 8)
    call("process_vm_readv", pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)


def is_own(pid):
    """Return whether a process has the same rights as this one: ids and capabilities."""

    def rights(of):
        with open(f"/proc/{of}/status") as file:
            return [line.split() for line in file if line.startswith(("Uid", "Gid", "CapEff", "CapPrm"))]

    return rights(pid) == rights("self")


def collect(targets):
    """Skip pids of the host that are also pids of visible processes here."""
    own = visible()
    foreign = [pid for pid in targets["pids"] if pid not in own]
    return {
        "visible": own,
        "targets_visible": [pid for pid in targets["pids"] if own.get(pid) in targets["names"]],
        "signal": {pid: outcome(os.kill, pid, 0) for pid in foreign},
        "pidfd": {pid: outcome(os.pidfd_open, pid) for pid in foreign},
        "trace_init": "own" if is_own(1) else in_child(trace, 1),
        "read_init": "own" if is_own(1) else in_child(read_memory, 1),
        "raise_priority": in_child(os.nice, -5),
        "realtime": in_child(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))),
        "raise_limit": in_child(lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1 << 30, 1 << 30))),
    }
