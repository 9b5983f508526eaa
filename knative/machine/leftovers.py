"""Processes of a state folder that nothing follows any more: of servers and of a one-machine Knative that were killed, or that lost their record.

They are found by what no crash can take away: the marks in their environment, the control groups of the pods, and the records of pods' processes.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from knative.local.processes.control_groups import ControlGroups, existing_groups, group_names, pids_in_groups
from knative.local.processes.procfs import boot_id, session_members, start_time_ticks
from knative.local.trash import Trash
from knative.local.volumes.images import VolumeImages
from knative.machine.home import Home
from knative.machine.processes import KILL_WAIT_SECONDS, MARK, NAME_MARK, wait_until_ended

POSTGRES = "postgres"
"""Name of the program."""
POSTGRES_SERVERS = ("postgres", "services-postgres")
"""Names of the servers and of the folders with their data."""


def find_leftovers(home: Home) -> list[psutil.Process]:
    """All processes of this state folder, whoever their parent is, except this one and its parent."""
    return list({process.pid: process for process in (*(process for process, _ in _marked(home)), *find_pods(home))}.values())


def find_pods(home: Home) -> list[psutil.Process]:
    """Processes of pods. They have an environment of their own and no mark; Knative ends them unless it was killed."""
    pids = pids_in_groups(home.path)
    for file in (home.path / "knative" / "pods").glob("*/*/process.json"):
        try:
            record = json.loads(file.read_text())
            if record["boot"] == boot_id() and start_time_ticks(record["pid"]) == record["started"]:
                pids |= {record["pid"], *session_members(record["pid"])}
        except (ValueError, KeyError, TypeError, FileNotFoundError):
            continue  # an incomplete record, or a pod that has just ended
    return list(_processes(pids))


def kill_pods(home: Home) -> None:
    """Kill the pods of a one-machine Knative that was killed: some hold its ports. Call it only while no Knative runs."""
    _kill(find_pods(home))


def kill_remains(home: Home, name: str, successor: int = 0) -> None:
    """Kill what is left of a server that was killed or lost its record: its successor needs their ports, files and shared memory.

    Call it only while the server does not run. `successor`: the pid of one that waits.
    """
    _kill([process for process, started_as in _marked(home) if started_as == name and process.pid != successor])


def remove_control_groups(home: Home) -> None:
    """Remove the groups that a one-machine Knative that was killed has left. Call it only while no Knative runs."""
    if existing_groups(home.path):
        for name in group_names(home.path):
            ControlGroups(name).remove()


def unmount_volumes(home: Home) -> None:
    """Unmount what a one-machine Knative that was killed has left mounted: its folders could not be deleted. Call it only while no Knative runs."""
    VolumeImages(home.path / "knative" / "volumes", Trash(home.path / "knative" / "trash")).close()


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_until_ended(processes, KILL_WAIT_SECONDS)


def find_postgres(data: Path) -> list[psutil.Process]:
    """Processes of a PostgreSQL with the data of this folder, whoever started it. They are known by their program and their folder."""
    found = {pid for pid in psutil.pids() if Path(_link(pid, "exe").removesuffix(" (deleted)")).name == POSTGRES and _link(pid, "cwd") == str(data)}
    return list(_processes(found))


def find_locking_pid(data: Path) -> int:
    """The pid in PostgreSQL's lock file; 0 when there is none."""
    try:
        return int((data / "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):  # ValueError, IndexError: PostgreSQL was killed while it wrote the file
        return 0


def _marked(home: Home) -> Iterator[tuple[psutil.Process, str]]:
    """(process, name of the server that it belongs to) of every process with the mark of this state folder.

    PostgreSQL's children overwrite their environment with their title, so they have no mark. They are added, unless they belong to a server that
    someone else has started on these data.
    """
    own, marked = {os.getpid(), os.getppid()}, set()
    for pid in psutil.pids():
        environment = _environment(pid)
        if environment.get(MARK) == str(home.path) and pid not in own:
            marked.add(pid)
            yield from ((process, environment.get(NAME_MARK, "")) for process in _processes({pid}))
    for name in POSTGRES_SERVERS:
        unmarked = [process for process in find_postgres(home.path / name) if process.pid not in marked]
        if all(process.pid != find_locking_pid(home.path / name) for process in unmarked):
            yield from ((process, name) for process in unmarked)


def _environment(pid: int) -> dict[str, str]:
    """The environment of a process of this state folder or another one at its start; empty for any other one, and for one that has ended."""
    try:
        content = Path(f"/proc/{pid}/environ").read_bytes()  # psutil takes ten times as long, and a machine has hundreds of processes
    except OSError:
        return {}
    if MARK.encode() not in content:
        return {}
    pairs = (each.partition("=") for each in os.fsdecode(content).split("\0"))
    return {name: value for name, _, value in pairs if name}


def _link(pid: int, name: str) -> str:
    """Where a link of /proc/PID leads to; empty for a process that has ended or belongs to another user."""
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""


def _processes(pids: set[int]) -> Iterator[psutil.Process]:
    """Those that run: one that has ended and that its parent has not waited for holds nothing."""
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                yield process
