"""Long-lived processes: started detached, recorded with pid and start time (pids are reused), found again and stopped.

Every process carries the path of its state folder in its environment (`MARK`), and children inherit it. Processes that outlive their parent, for
example after `kill -9`, are found by it. The mark is read from the process; processes are never matched by name.
"""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from knative.local.processes.procfs import boot_id, session_members, start_time_ticks
from knative.local.variables import STARTED_FOR
from knative.machine.accounts import Account
from knative.machine.home import LOOPBACK, Home
from knative.machine.problems import Problem

MARK = STARTED_FOR.name
UNKNOWN_HOLDER = "a process that does not listen, or of another user"
PORT_RELEASE_SECONDS = 3.0
KILL_WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class ProcessRecord:
    """A process that was started. A process with this pid and another start time is a different one."""

    name: str
    pid: int
    started: float

    def process(self) -> psutil.Process | None:
        """The process, or None when it has ended."""
        try:
            process = psutil.Process(self.pid)
            is_alive = abs(process.create_time() - self.started) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if is_alive else None


def record_path(home: Home, name: str) -> Path:
    return home.run / f"{name}.json"


def read_record(home: Home, name: str) -> ProcessRecord | None:
    try:
        return ProcessRecord(**json.loads(record_path(home, name).read_text()))
    except (FileNotFoundError, ValueError):
        return None


def find_running(home: Home, name: str) -> psutil.Process | None:
    """The running process of that name in this state folder."""
    record = read_record(home, name)
    return record.process() if record else None


def start(
    home: Home,
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    account: Account | None = None,
    folder: Path | None = None,
) -> psutil.Process:
    """Start `command` in its own session and record it. Its output is appended to `log/<name>.log`."""
    env = {**(home.child_environment() if environment is None else environment), MARK: str(home.path)}
    with log_path(home, name).open("ab") as log:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd=folder or home.path, env=env,
            **(account.popen_options() if account else {}),
        )  # fmt: skip
    process = psutil.Process(child.pid)
    record = ProcessRecord(name, process.pid, process.create_time())
    temporary = record_path(home, name).with_suffix(".new")
    temporary.write_text(json.dumps(asdict(record)))
    temporary.replace(record_path(home, name))
    return process


def log_path(home: Home, name: str) -> Path:
    return home.log / f"{name}.log"


def log_tail(home: Home, name: str, lines: int = 12) -> str:
    """The last lines of a process's log; empty when there is none."""
    try:
        text = log_path(home, name).read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def wait_until_ready(home: Home, name: str, is_ready: Callable[[], bool], timeout_seconds: float) -> None:
    """Poll until `is_ready` returns True. Raises: Problem with the end of the log when the process ends first or the time is over."""
    deadline = time.monotonic() + timeout_seconds
    log = log_path(home, name)
    while not is_ready():
        if find_running(home, name) is None:
            raise Problem(f"{name} ended while it was starting:\n{log_tail(home, name)}", f"See {log}. Fix the cause, then ./taskw up")
        if time.monotonic() > deadline:
            raise Problem(
                f"{name} is not ready after {timeout_seconds:.0f} s:\n{log_tail(home, name)}", f"See {log}. Then ./taskw down and ./taskw up"
            )
        time.sleep(0.05)


def stop(home: Home, name: str, *, timeout_seconds: float = 20, signal_number: int = signal.SIGTERM) -> bool:
    """Stop a recorded process and remove its record. Returns False when it was not running."""
    process = find_running(home, name)
    if process is not None:
        terminate([process], timeout_seconds=timeout_seconds, signal_number=signal_number)
    record_path(home, name).unlink(missing_ok=True)
    return process is not None


def terminate(processes: Iterable[psutil.Process], *, timeout_seconds: float, signal_number: int = signal.SIGTERM) -> None:
    """Send the signal, wait, and send SIGKILL to those that are still alive after `timeout_seconds`."""
    signalled = []
    for process in processes:
        try:
            process.send_signal(signal_number)
        except psutil.NoSuchProcess:
            continue
        signalled.append(process)
    for process in wait_until_ended(signalled, timeout_seconds):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    wait_until_ended(signalled, KILL_WAIT_SECONDS)


def wait_until_ended(processes: Iterable[psutil.Process], timeout_seconds: float) -> list[psutil.Process]:
    """Wait, and return the processes that are still alive. A zombie has ended: init reaps it."""
    deadline = time.monotonic() + timeout_seconds
    left = list(processes)
    while (left := [process for process in left if _is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def find_leftovers(home: Home) -> list[psutil.Process]:
    """Processes with the mark of this state folder, whoever their parent is, except this one and its parent."""
    own = {os.getpid(), os.getppid()}
    leftovers = []
    for process in psutil.process_iter():
        try:
            if process.pid not in own and process.environ().get(MARK) == str(home.path) and process.status() != psutil.STATUS_ZOMBIE:
                leftovers.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return leftovers + find_pods(home)


def find_pods(home: Home) -> list[psutil.Process]:
    """Processes that the one-machine Knative recorded. They have an empty environment and no mark; Knative ends them unless it was killed."""
    pods = []
    for file in (home.path / "knative" / "pods").glob("*/*/process.json"):
        try:
            record = json.loads(file.read_text())
            if record["boot"] == boot_id() and start_time_ticks(record["pid"]) == record["started"]:
                pods += [psutil.Process(pid) for pid in {record["pid"], *session_members(record["pid"])}]
        except (ValueError, KeyError, FileNotFoundError, psutil.NoSuchProcess):
            continue  # an incomplete record, or a process that has just ended
    return pods


def terminate_pods(home: Home) -> None:
    """Kill the pods of a one-machine Knative that was killed: some hold its ports. Call it only while no Knative runs."""
    left = find_pods(home)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_until_ended(left, KILL_WAIT_SECONDS)


def accepts_connections(port: int) -> bool:
    """Whether a server accepts connections on this port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def find_port_holder(port: int) -> str | None:
    """Describe the process that holds a port; None when the port is free."""
    if _is_bindable(port):
        return None
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        connections = []
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr[1] == port and connection.pid:
            try:
                process = psutil.Process(connection.pid)
                return f"{process.name()} (pid {process.pid}, user {process.username()})"
            except psutil.NoSuchProcess:
                continue
    return UNKNOWN_HOLDER


def require_free_ports(ports: Mapping[str, int]) -> None:
    """Raise Problem, naming the process, when a port is taken. The port of a process that was just killed becomes free within moments."""
    deadline = time.monotonic() + PORT_RELEASE_SECONDS
    for title, port in ports.items():
        while (holder := find_port_holder(port)) == UNKNOWN_HOLDER and time.monotonic() < deadline:
            time.sleep(0.05)
        if holder:
            raise Problem(
                f"Port {port} ({title}) is taken by {holder}.", "Stop it, or move all ports of Capsule: CAPSULE_PORT_OFFSET=10000 ./taskw up"
            )


def _is_bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
