"""Long-lived processes: started detached, recorded with pid and start time (pids are reused), found again and stopped.

Every process carries the path of its state folder (`MARK`) and its name here (`NAME_MARK`) in its environment, and children inherit both. Processes
that outlive their parent, for example after `kill -9`, or that lost their record, are found by them (`leftovers`). The marks are read from the
process; processes are never matched by the name of their program.
"""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import psutil

from knative.local.files import write_private
from knative.local.processes.procfs import boot_id, start_time_ticks
from knative.local.variables import STARTED_AS, STARTED_FOR
from knative.machine.accounts import Account
from knative.machine.home import LOOPBACK, Home
from knative.machine.problems import Problem

MARK = STARTED_FOR.name
NAME_MARK = STARTED_AS.name
UNKNOWN_HOLDER = "a process that does not listen, or of another user"
PORT_RELEASE_SECONDS = 3.0
KILL_WAIT_SECONDS = 5.0
STOP_SECONDS = 60.0
"""As long as the one-machine Knative may take."""
START_SECONDS = 300.0
"""How long a server may take until it is ready: after a crash it reads its log first. One that ends is reported at once."""


class Ended(Problem):
    """A process ended before it was ready."""


@dataclass(frozen=True)
class ProcessRecord:
    """A process that was started. A process with this pid and another start time is a different one.

    The start is in clock ticks of this boot (`procfs`): a clock that is set changes the time of day at which a process seems to have started.
    """

    name: str
    pid: int
    started: float
    """Seconds since the epoch. Records of version 0.2.0 have only this."""
    started_ticks: int = 0
    boot: str = ""
    is_ending: bool = False
    """`stop` has begun to end it."""

    @classmethod
    def of(cls, name: str, process: psutil.Process) -> Self:
        return cls(name, process.pid, process.create_time(), start_time_ticks(process.pid), boot_id())

    def process(self) -> psutil.Process | None:
        """The process, or None when it has ended."""
        try:
            process = psutil.Process(self.pid)
            is_same = self._is_start_of(process)
            return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def _is_start_of(self, process: psutil.Process) -> bool:
        if self.boot:
            return self.boot == boot_id() and self.started_ticks == start_time_ticks(self.pid)
        return abs(process.create_time() - self.started) < 1.0


def record_path(home: Home, name: str) -> Path:
    return home.run / f"{name}.json"


def read_record(home: Home, name: str) -> ProcessRecord | None:
    try:
        return ProcessRecord(**json.loads(record_path(home, name).read_text()))
    except (FileNotFoundError, ValueError, TypeError):  # TypeError: JSON of another shape
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
    descriptors: Sequence[int] = (),
) -> psutil.Process:
    """Start `command` in its own session and record it. Its output is appended to `log/<name>.log`. It inherits `descriptors`."""
    return record(home, name, launch(home, name, command, environment=environment, account=account, folder=folder, descriptors=descriptors))


def record(home: Home, name: str, process: psutil.Process) -> psutil.Process:
    """Record a process as the one of that name."""
    _write_record(home, ProcessRecord.of(name, process))
    return process


def _write_record(home: Home, content: ProcessRecord) -> None:
    write_private(record_path(home, content.name), json.dumps(asdict(content)).encode())


def launch(
    home: Home,
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    account: Account | None = None,
    folder: Path | None = None,
    descriptors: Sequence[int] = (),
) -> psutil.Process:
    """As `start`, without the record: for a process that waits until the recorded one has ended."""
    env = {**(home.child_environment() if environment is None else environment), MARK: str(home.path), NAME_MARK: name}
    with log_path(home, name).open("ab") as log:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd=folder or home.path, env=env,
            pass_fds=descriptors,
            **(account.popen_options() if account else {}),
        )  # fmt: skip
    return psutil.Process(child.pid)


def log_path(home: Home, name: str) -> Path:
    return home.log / f"{name}.log"


def log_tail(home: Home, name: str, lines: int = 12) -> str:
    """The last lines of a process's log; empty when there is none."""
    try:
        text = log_path(home, name).read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def wait_until_ready(home: Home, name: str, is_ready: Callable[[], bool], timeout_seconds: float = START_SECONDS) -> None:
    """Poll until `is_ready` returns True. Raises: Ended or Problem (the time is over), with the end of the log."""
    deadline = time.monotonic() + timeout_seconds
    log = log_path(home, name)
    while not is_ready():
        if find_running(home, name) is None:
            raise Ended(f"{name} ended while it was starting:\n{log_tail(home, name)}", f"See {log}. Fix the cause, then ./taskw up")
        if time.monotonic() > deadline:
            raise Problem(
                f"{name} is not ready after {timeout_seconds:.0f} s:\n{log_tail(home, name)}", f"See {log}. Then ./taskw down and ./taskw up"
            )
        time.sleep(0.05)


def ensure_ready(home: Home, name: str, start: Callable[[], None], is_ready: Callable[[], bool]) -> None:
    """Call `start` unless the process runs, and wait until it is ready.

    A process that is being killed still runs for a moment: one that ends before it is ready is started as if it had not run. So is one that an
    interrupted `stop` has begun to end, which may seem ready until it has ended. Raises: Problem.
    """
    wait_until_stopped(home, name)
    if find_running(home, name) is not None:
        try:
            return wait_until_ready(home, name, is_ready)
        except Ended:
            record_path(home, name).unlink(missing_ok=True)
    start()
    wait_until_ready(home, name, is_ready)


def wait_until_stopped(home: Home, name: str) -> None:
    """Wait for the end of a process that an interrupted `stop` has begun to end. Raises: Problem if it does not end."""
    process = find_running(home, name)
    if process is not None and is_ending(home, name) and wait_until_ended([process], STOP_SECONDS):
        raise Problem(f"{name} is ending, and has not ended in {STOP_SECONDS:.0f} s (pid {process.pid}).", "./taskw down ends it. Then ./taskw up")


def is_ending(home: Home, name: str) -> bool:
    """Whether `stop` has begun to end the recorded process."""
    found = read_record(home, name)
    return found is not None and found.is_ending


def stop(home: Home, name: str, *, timeout_seconds: float = 20, signal_number: int = signal.SIGTERM) -> bool:
    """Stop a recorded process and remove its record. Returns False when it was not running."""
    process, found = find_running(home, name), read_record(home, name)
    if process is not None and found is not None:
        _write_record(home, replace(found, is_ending=True))
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
