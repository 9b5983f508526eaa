"""The process of the one-machine Knative: started by `up`, and started again when its code or what it serves with has changed."""

import hashlib
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from functions.runtime.config.variables import OTLP_ENDPOINT, ROOT
from functions.wire.backups.variables import BACKUP_STORE
from knative.local import listening_sockets, variables
from knative.local.own_hosts import OwnHosts
from knative.local.settings import Https
from knative.local.variables import HTTPS, LISTENING_SOCKETS, PRELOAD_MODULES, READABLE_FOLDERS, SHARED_FOLDERS
from knative.machine import https, keys, knative_credentials, leftovers, processes, stops, tls
from knative.machine.held_front import held_front
from knative.machine.home import PROJECT, Home
from knative.machine.preloaded_modules import PRELOADED_MODULES, REHEARSAL, TELEMETRY_MODULES
from knative.machine.problems import Problem

if TYPE_CHECKING:
    from knative.machine.cluster import Cluster

KNATIVE = stops.KNATIVE.names[0]
LOAD_SECONDS = 120
"""How long a newer version may take to load its code."""
CODE = "its code changed"
Digests = Mapping[str, str]
"""Why a process is started again → a digest of what it was started with."""


def start_knative(home: Home) -> str:
    """Start the one-machine Knative, or restart one whose code or settings changed: its functions are forked from the modules it loaded.

    The new process loads its code while the old one serves, and takes over its listening sockets: connections that arrive in between wait. Returns
    why it was restarted; empty: it was not.
    """
    from knative.machine.cluster import reachable

    digests, file = current_digests(home), home.run / "knative.code"
    is_running = processes.find_running(home, KNATIVE) is not None and not processes.is_ending(home, KNATIVE)
    reason = find_change(file.read_text(), digests) if is_running and file.exists() else ""
    sockets: Mapping[int, socket.socket] = {}
    successor: Successor | None = None
    if reason:
        sockets = listening_sockets.take(home.path / "knative" / "listening.sock")
        successor = Successor(home, sockets)
        stops.KNATIVE.run(home)

    def start() -> None:
        ports = home.ports
        leftovers.kill_pods(home)
        leftovers.kill_remains(home, KNATIVE, successor.process.pid if successor else 0)
        titles = {"Kubernetes API": ports.api, "ingress": ports.ingress, "gateway": ports.gateway}
        titles |= {"terminals": ports.terminal, "Stripe stand-in": ports.stripe, **home.domain_ports}
        processes.require_free_ports({title: port for title, port in titles.items() if port not in sockets})
        _create_shared_folders(home)
        _prepare_https(home)
        held_front(home).parent.mkdir(mode=0o700, exist_ok=True)
        held_front(home).touch()
        file.write_text(json.dumps(digests))  # before the start: `up` may be killed between both
        if successor is None:
            processes.record(home, KNATIVE, _launch(home, sockets))
        else:
            successor.proceed()

    processes.ensure_ready(home, KNATIVE, start, lambda: processes.accepts_connections(home.ports.api) and reachable(home))
    for each in sockets.values():
        each.close()
    return reason


def open_front(home: Home, cluster: "Cluster") -> None:
    """Let the one-machine Knative accept requests, once it has the Secrets that its pods start with, and wait until it does. Raises: Problem."""
    held_front(home).unlink(missing_ok=True)
    processes.wait_until_ready(home, KNATIVE, cluster.is_ready)


class Successor:
    """The next process of the one-machine Knative, which has loaded its code and waits for its turn.

    Raises Problem if it does not get that far: the former process goes on.
    """

    def __init__(self, home: Home, sockets: Mapping[int, socket.socket]) -> None:
        self._home = home
        self._channel, theirs = socket.socketpair()
        with theirs:
            self.process = _launch(home, sockets, theirs)
        self._channel.settimeout(LOAD_SECONDS)
        try:
            is_loaded = bool(self._channel.recv(1))
        except TimeoutError:
            is_loaded = False
        if not is_loaded:
            processes.terminate([self.process], timeout_seconds=0)
            log = processes.log_path(home, KNATIVE)
            detail = processes.log_tail(home, KNATIVE)
            raise Problem(f"The newer version does not start, so the former one goes on:\n{detail}", f"See {log}. Fix the cause, then ./taskw up")

    def proceed(self) -> None:
        """Let it start. Call it once the former process has ended."""
        processes.record(self._home, KNATIVE, self.process)
        self._channel.close()


def _launch(home: Home, sockets: Mapping[int, socket.socket], turn: socket.socket | None = None) -> psutil.Process:
    """`turn`: closed at the other end when it may start; None: it may start at once."""
    folders = {
        SHARED_FOLDERS.name: os.pathsep.join(map(str, _shared_folders(home))),
        READABLE_FOLDERS.name: f"{home.git}{os.pathsep}{tls.folder(home)}",
    }
    modules = (*PRELOADED_MODULES, *(TELEMETRY_MODULES if home.environment.get(OTLP_ENDPOINT.name) else ()))
    preloaded = {PRELOAD_MODULES.name: ",".join(modules), variables.REHEARSAL.name: REHEARSAL}
    knative_credentials.write_credentials(home)
    inherited = {name: value for name, value in home.child_environment().items() if name not in keys.knative_settings(home)}
    environment = {**inherited, ROOT.name: str(knative_credentials.root(home)), **folders, **preloaded}
    environment[LISTENING_SOCKETS.name] = listening_sockets.describe(sockets)
    command = [sys.executable, "-m", "knative.local", "serve", *(["--successor", str(turn.fileno())] if turn else [])]
    inherited_sockets = [*sockets.values(), *([turn] if turn else [])]
    return processes.launch(
        home, KNATIVE, command, environment=environment, folder=PROJECT, descriptors=[each.fileno() for each in inherited_sockets]
    )


def _shared_folders(home: Home) -> list[Path]:
    """Folders that functions write to: e-mails, the state of the payment stand-in, and backups."""
    store = BACKUP_STORE.read({BACKUP_STORE.name: home.environment.get(BACKUP_STORE.name) or home.backups.as_uri()})
    return [home.mail, home.payments, *([store.folder] if store.folder is not None and store.folder.is_dir() else [])]


def _create_shared_folders(home: Home) -> None:
    """Folders that pods of the platform mount: they must exist when the one-machine Knative starts, which gives them to the platform's group."""
    for folder in (home.mail, *(home.mail / name for name in ("cur", "new", "tmp"))):  # a Maildir
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.payments.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.backups.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.git.mkdir(mode=0o755, parents=True, exist_ok=True)
    tls.folder(home).mkdir(mode=0o755, parents=True, exist_ok=True)


def _prepare_https(home: Home) -> None:
    """Make what the ingress serves HTTPS with, and mark that it does, or no longer does."""
    if HTTPS.read(home.environment):
        tls.ensure_https(home)
        https.record(home)
    else:
        home.https_mark.unlink(missing_ok=True)


def current_digests(home: Home) -> Digests:
    """Digests of what needs another process of the one-machine Knative when it changes."""
    settings = {
        "HTTPS settings changed": repr(Https.read(home.path, home.environment)),
        "public addresses changed": repr(OwnHosts.read(home.environment)),
    }
    return {CODE: code_digest(), **{reason: hashlib.sha256(text.encode()).hexdigest() for reason, text in settings.items()}}


def find_change(stored: str, digests: Digests) -> str:
    """Return what has changed since `stored` was written; empty: nothing. Version 0.2.0 stored one digest of everything: its code was another."""
    try:
        former = json.loads(stored)
    except ValueError:
        return CODE
    return next((reason for reason, digest in digests.items() if former.get(reason) != digest), "") if isinstance(former, dict) else CODE


def code_digest() -> str:
    """A digest of the paths, sizes and times of the project's Python files, of its dependencies and of Python's version."""
    digest = hashlib.sha256(sys.version.encode())
    for folder in (PROJECT / "functions", PROJECT / "events", PROJECT / "knative"):
        for path, info in sorted(_python_files(str(folder)), key=lambda each: each[0]):
            digest.update(f"{path} {info.st_size} {info.st_mtime_ns}\n".encode())
    digest.update((PROJECT / "pyproject.toml").read_bytes())
    return digest.hexdigest()


def _python_files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Python files below a folder, in no order. Several times as fast as pathlib, for 2,000 files."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _python_files(entry.path)
            elif entry.name.endswith(".py"):
                yield entry.path, entry.stat()
