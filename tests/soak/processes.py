"""The processes of one installation, by what they are, and what it has left on the machine."""

import os
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from knative.local.processes.control_groups import existing_groups
from knative.machine import leftovers, processes
from knative.machine.home import Home

SERVERS = ("knative", "rabbitmq", "postgres", "epmd")
"""Recorded processes (`knative/machine/processes.py`)."""
POD = "pod"
CHILD = "child of {}"
ORPHAN = "without a parent"


@dataclass(frozen=True)
class Found:
    """A process and what it is: a server, a pod's first process, or a child of a server."""

    process: psutil.Process
    role: str


def find_processes(home: Home) -> list[Found]:
    """Every living process of the installation, servers first."""
    roots = {name: process for name in SERVERS if (process := processes.find_running(home, name)) is not None}
    pods = {process.pid for process in leftovers.find_pods(home)}
    found = {process.pid: Found(process, name) for name, process in roots.items()}
    for name, root in roots.items():
        with suppress(psutil.NoSuchProcess):
            for child in root.children(recursive=True):
                found.setdefault(child.pid, Found(child, POD if child.pid in pods else _role(child, name)))
    for process in leftovers.find_leftovers(home):
        found.setdefault(process.pid, Found(process, POD if process.pid in pods else _role_without_parent(process)))
    return [each for each in found.values() if each.process.is_running() and each.process.pid != os.getpid()]


def _role(process: psutil.Process, server: str) -> str:
    with suppress(psutil.NoSuchProcess):
        if server == "knative" and any("zygote_server" in word for word in process.cmdline()):
            return "zygote or its fork"
        return f"{process.name()} of {server}"
    return CHILD.format(server)


def _role_without_parent(process: psutil.Process) -> str:
    """RabbitMQ starts an epmd that has ended again, as a daemon: it is a server, too."""
    with suppress(psutil.NoSuchProcess):
        if process.name() == "epmd":
            return "epmd"
    return ORPHAN


def find_orphans(home: Home, before: Iterable[Found]) -> list[str]:
    """Processes of an earlier snapshot that still run and belong to no server that runs now."""
    now = {found.process.pid for found in find_processes(home) if found.role != ORPHAN}
    return [f"{each.role} (pid {each.process.pid})" for each in before if each.process.pid not in now and _is_alive(each.process)]


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def find_remains(home: Home) -> list[str]:
    """What an installation that was stopped has left: processes, ports, mounts in any namespace, loop devices, control groups."""
    remains = [f"process {process.pid}" for process in leftovers.find_leftovers(home)]
    remains += [f"port {port}: {holder}" for port in home.ports.all if (holder := processes.find_port_holder(port)) is not None]
    remains += [f"mount of process {pid}: {line}" for pid, line in _mounts(home)]
    remains += [f"control group {group}" for group in existing_groups(home.path)]
    if Path("/dev/loop-control").exists():
        devices = subprocess.run(["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"], capture_output=True, text=True).stdout
        remains += [f"loop device {line}" for line in devices.splitlines() if str(home.path) in line]
    return remains


def _mounts(home: Home) -> list[tuple[int, str]]:
    """(pid, line of /proc/PID/mountinfo) of each mount in or of the state folder: also those of other mount namespaces."""
    found = []
    for pid in psutil.pids():
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
            found += [(pid, line) for line in lines if f"{home.path}/" in line]
    return found
