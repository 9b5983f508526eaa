"""Long-lived processes: detached, recorded with pid and start time (a pid alone is reused), found again, asked to stop, then made to.

Every process carries the state folder it belongs to in its environment (MARK), and children inherit it: what outlives its parent, after a
`kill -9` of half of the machine for instance, is found by it and ended. The mark is read from the process itself and never guessed by name.
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
from knative.machine.accounts import Account
from knative.machine.home import LOOPBACK, Home
from knative.machine.problems import Problem

MARK = "CAPSULE_STARTED_FOR"


@dataclass(frozen=True)
class Recorded:
    """A process that was started: the same only if the start time is the same too."""

    name: str
    pid: int
    started: float

    def process(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            alive = abs(process.create_time() - self.started) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if alive else None


def record_path(home: Home, name: str) -> Path:
    return home.run / f"{name}.json"


def recorded(home: Home, name: str) -> Recorded | None:
    try:
        return Recorded(**json.loads(record_path(home, name).read_text()))
    except (FileNotFoundError, ValueError):
        return None


def running(home: Home, name: str) -> psutil.Process | None:
    record = recorded(home, name)
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
    """Starts `command` in a session of its own, its output appended to `log/<name>.log`."""
    env = {**(home.child_environment() if environment is None else environment), MARK: str(home.path)}
    with log_path(home, name).open("ab") as log:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd=folder or home.path, env=env,
            **(account.popen() if account else {}),
        )  # fmt: skip
    process = psutil.Process(child.pid)
    record = Recorded(name, process.pid, process.create_time())
    temporary = record_path(home, name).with_suffix(".new")
    temporary.write_text(json.dumps(asdict(record)))
    temporary.replace(record_path(home, name))
    return process


def log_path(home: Home, name: str) -> Path:
    return home.log / f"{name}.log"


def tail(home: Home, name: str, lines: int = 12) -> str:
    """The end of a process's log, for the message that says why it died."""
    try:
        text = log_path(home, name).read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def await_ready(home: Home, name: str, ready: Callable[[], bool], seconds: float) -> None:
    """Polls until `ready`; a process that died on the way is said with the end of its log."""
    until = time.monotonic() + seconds
    while not ready():
        if running(home, name) is None:
            raise Problem(f"{name} ended while starting:\n{tail(home, name)}", f"read {log_path(home, name)}, mend the cause, then ./taskw up")
        if time.monotonic() > until:
            raise Problem(
                f"{name} is not ready after {seconds:.0f} s:\n{tail(home, name)}", f"read {log_path(home, name)}, then ./taskw down and ./taskw up"
            )
        time.sleep(0.05)


def stop(home: Home, name: str, *, seconds: float = 20, how: int = signal.SIGTERM) -> bool:
    """Asks with SIGTERM, waits, ends with SIGKILL; True when it had to be ended or was asked, False when it wasn't running."""
    process = running(home, name)
    if process is not None:
        end([process], seconds=seconds, how=how)
    record_path(home, name).unlink(missing_ok=True)
    return process is not None


def end(processes: Iterable[psutil.Process], *, seconds: float, how: int = signal.SIGTERM) -> None:
    asked = []
    for process in processes:
        try:
            process.send_signal(how)
        except psutil.NoSuchProcess:
            continue
        asked.append(process)
    for process in await_ended(asked, seconds):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    await_ended(asked, 5)


def await_ended(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those still alive after `seconds`. A zombie has ended: who reaps it, and when, is init's business."""
    until = time.monotonic() + seconds
    left = list(processes)
    while (left := [process for process in left if _alive(process)]) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def leftovers(home: Home) -> list[psutil.Process]:
    """Processes that carry this state folder's mark, whoever their parent is now; never this one."""
    mine = {os.getpid(), os.getppid()}
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid not in mine and process.environ().get(MARK) == str(home.path) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found + pods(home)


def pods(home: Home) -> list[psutil.Process]:
    """Processes that the one-machine Knative wrote down. They inherit no environment, so no mark; it ends them itself unless it was killed."""
    found = []
    for record in (home.path / "knative" / "pods").glob("*/*/process.json"):
        try:
            said = json.loads(record.read_text())
            if said["boot"] == boot_id() and start_time_ticks(said["pid"]) == said["started"]:
                found += [psutil.Process(pid) for pid in {said["pid"], *session_members(said["pid"])}]
        except (ValueError, KeyError, FileNotFoundError, psutil.NoSuchProcess):
            continue  # cut short, or ended meanwhile
    return found


def answers(port: int) -> bool:
    """Whether something accepts connections on this port of the loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


SOMEBODY = "a process that does not listen, or of another user"
LINGERING = 3.0


def holder(port: int) -> str | None:
    """Who listens on a port, in words; None when it is free."""
    if _bindable(port):
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
    return SOMEBODY


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def end_pods(home: Home) -> None:
    """Ends the pods of a one-machine Knative that was killed: some hold its ports. Call it while none runs."""
    left = pods(home)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    await_ended(left, 5)


def demand_free(ports: Mapping[str, int]) -> None:
    """Says who holds a port that we need. One whose process has just been killed is free a moment later: its threads end one by one."""
    until = time.monotonic() + LINGERING
    for what, port in ports.items():
        while (who := holder(port)) == SOMEBODY and time.monotonic() < until:
            time.sleep(0.05)
        if who:
            raise Problem(f"port {port} ({what}) is taken by {who}", "stop it, or move all of Capsule's ports: CAPSULE_PORT_OFFSET=10000 ./taskw up")
