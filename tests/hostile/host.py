"""Observe the host: ports, processes, mounts, control groups, files of the state folder.

And list what an attacker would look for on it.
"""

import contextlib
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from knative.local.processes.network.namespaces import own_addresses
from knative.machine import processes
from tests.journeys.whole import Whole

NOTHING: dict[str, Any] = {"files": [], "folders": [], "open_ports": [], "hosts": [], "abstract": [], "pids": [], "names": []}
KNATIVE = "knative"


def controller(whole: Whole) -> psutil.Process:
    """The process of the one-machine Knative."""
    found = processes.find_running(whole.home, KNATIVE)
    assert found is not None, "the one-machine Knative is not running"
    return found


def status(pid: int) -> dict[str, str]:
    """/proc/<pid>/status, see proc_pid_status(5)."""
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def with_environment(word: str) -> list[int]:
    """Return the processes of this machine with a word in their environment. Root sees all of them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if word.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return sorted(found)


def of_namespace(namespace: str) -> list[int]:
    """Return the first processes of a tenant's pods, which have the name of their Service in the environment."""
    application = namespace.removeprefix("app-")
    return with_environment(f"K_SERVICE={application}-")


def namespaces(pid: int) -> dict[str, str]:
    """Kind to type and number, as in namespaces(7): `{"pid": "pid:[4026532351]", ...}`."""
    return {path.name: os.readlink(path) for path in Path(f"/proc/{pid}/ns").iterdir()}


def functions(whole: Whole) -> dict[int, str]:
    """Return the running functions of the platform, pid → command: processes with connections to RabbitMQ or PostgreSQL, except the servers."""
    known = {process.pid for process in (controller(whole), *servers(whole))}
    ports = {whole.home.ports.amqp, whole.home.ports.postgres}
    found = {}
    for each in psutil.net_connections("tcp"):
        if each.pid and each.pid not in known and each.raddr and each.raddr.port in ports and each.status == psutil.CONN_ESTABLISHED:
            with contextlib.suppress(psutil.Error):
                found[each.pid] = " ".join(psutil.Process(each.pid).cmdline())
    return found


def zombies(whole: Whole) -> list[str]:
    """Return the zombies among the platform's descendants: "name of the parent that should wait, its pid"."""
    found = []
    for process in controller(whole).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() == psutil.STATUS_ZOMBIE:
                parent = process.parent()
                found.append(f"{process.name()} {process.pid} of {parent.name() if parent else '?'} {process.ppid()}")
    return found


def left_over(whole: Whole, before: list[str], seconds: float = 45) -> list[str]:
    """Wait at most `seconds` until there are no more zombies than before; returns them if there are.

    The platform reaps in the second ten-second round.
    """
    end = time.monotonic() + seconds
    while len(found := zombies(whole)) > len(before) and time.monotonic() < end:
        time.sleep(0.2)
    return found if len(found) > len(before) else []


def addresses() -> list[str]:
    return ["127.0.0.1", "127.0.0.2", "::1", *own_addresses()]


def answers(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as connection:
        connection.settimeout(0.5)
        return connection.connect_ex((address, port)) == 0


def open_ports() -> list[list[Any]]:
    """Return (address, port) of every server that answers outside of a sandbox, and the same ports by slirp's address of the machine."""
    listening = {each.laddr.port for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN}
    found = [[address, port] for port in sorted(listening) for address in addresses() if answers(address, port)]
    return found + [["10.0.2.2", port] for port in sorted(listening)]


def abstract_sockets() -> list[str]:
    """Return the names of listening abstract sockets of this machine (unix(7))."""
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return sorted({row[7][1:] for row in rows if len(row) > 7 and row[7].startswith("@") and row[5] == "01"})


@contextmanager
def listening_canaries() -> Iterator[tuple[str, int]]:
    """Listen on an abstract socket and on a port of every address, reachable from outside of a sandbox.

    Yields (name, port).
    """
    name = f"capsule-canary-{os.getpid()}-{id(object())}"
    with socket.socket(socket.AF_UNIX) as local, socket.socket() as server:
        local.bind("\0" + name)
        local.listen(64)
        server.bind(("0.0.0.0", 0))
        server.listen(256)
        yield name, int(server.getsockname()[1])


def targets(whole: Whole, neighbour: str, word: str) -> dict[str, Any]:
    """Return everything that an attacker would look for: it may know every path and number, and must still get nothing."""
    home = whole.home
    pids = [psutil.Process(process.pid) for process in (controller(whole), *servers(whole))]
    pids += [psutil.Process(pid) for pid in with_environment(word)]
    files = [home.kubeconfig, *sorted(home.secrets.iterdir()), home.path / "knative" / "store.db", home.log / "knative.log"]
    files += sorted((home.path / "knative" / "tls").iterdir())
    folders = [home.path, home.secrets, home.mail, home.git, home.run, home.path / "knative", home.path / "knative" / "pods"]
    folders += [home.path / "knative" / "pods" / neighbour, home.path / "images", home.path / "knative" / "images"]
    port = home.ports.ingress
    internal = [f"{name}.capsule.svc.cluster.local" for name in ("edge-gateway", "auth-register", "samples")]
    hosts = [f"{name}.localhost:{port}" for name in ("stripe-stand-in", "samples", "edge-gateway", neighbour.removeprefix("app-") + "-staging")]
    return {
        "files": [str(path) for path in files if path.exists()],
        "folders": [str(path) for path in folders if path.exists()],
        "open_ports": open_ports(),
        "hosts": [*hosts, *internal],
        "abstract": abstract_sockets(),
        "pids": [process.pid for process in pids],
        "names": sorted({process.name() for process in pids} - {"python3", "python"}),
    }


def servers(whole: Whole) -> list[psutil.Process]:
    found = [processes.find_running(whole.home, name) for name in ("postgres", "rabbitmq")]
    return [process for process in found if process is not None]


def control_groups(home: Path) -> list[Path]:
    """Return the control groups of this state folder's Knative in every hierarchy, which have its digest in their names."""
    return [path for path in Path("/sys/fs/cgroup").glob(f"**/capsule-{hashlib.sha256(str(home).encode()).hexdigest()[:10]}*") if path.is_dir()]


@dataclass(frozen=True)
class Counts:
    """What sandboxes could leave behind."""

    processes: int
    mounts: int
    loops: int
    control_groups: int
    inodes: int
    pod_folders: int
    open_files: int
    memory_mib: int


def counts(home: Path, controller_pid: int) -> Counts:
    """Count what belongs to one state folder and its controller."""
    process = psutil.Process(controller_pid)
    return Counts(
        processes=1 + len(process.children(recursive=True)),
        mounts=len(Path(f"/proc/{controller_pid}/mountinfo").read_text().splitlines()),
        loops=sum(1 for path in Path("/sys/block").glob("loop*/loop/backing_file") if str(home) in path.read_text()),
        control_groups=sum(1 for top in control_groups(home) for _ in top.rglob("cgroup.procs")),
        inodes=sum(len(folders) + len(names) for _, folders, names in os.walk(home)),
        pod_folders=sum(1 for _ in (home / "knative" / "pods").glob("*/*")),
        open_files=process.num_fds(),
        memory_mib=process.memory_info().rss >> 20,
    )


def to_json(found: Counts) -> str:
    return json.dumps(asdict(found))
