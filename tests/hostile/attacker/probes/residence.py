"""The resident attacker: repeats destructive probes for some time, each in a process of its own that may be killed."""

import contextlib
import json
import os
import signal
import socket
import tempfile
import time

from . import network, privileged_on_host, resources

state = {"until": 0.0}


def is_attacking():
    return time.monotonic() < state["until"]


def rounds(targets):
    """Yield the (name, attempt) pairs of one round. Bounds are small, because a round is repeated."""
    places = {"temporary": tempfile.gettempdir(), "home": os.path.expanduser("~"), "application": os.getcwd()}
    yield "forks", lambda: resources.forks(600)
    yield "descriptors", resources.descriptors
    yield "signals", lambda: [os.kill(pid, signal.SIGKILL) for pid in targets["pids"] if _is_foreign(pid, targets)]
    yield "network scan", lambda: network.answering([("127.0.0.1", port) for port in range(20, 12_000, 7)])
    yield "connections", lambda: _hold_connections(targets)
    yield "orphans", lambda: resources.orphans(100)
    yield "log flood", lambda: resources.log_flood(2_000)
    for name, folder in places.items():
        yield f"disk in {name}", lambda folder=folder: resources.disk(folder, 512)
        yield f"deleted files in {name}", lambda folder=folder: resources.disk(folder, 320, unlinked=True)
        yield f"inodes in {name}", lambda folder=folder: resources.inodes(folder, 50_000)
        yield f"deep tree in {name}", lambda folder=folder: resources.deep_tree(folder)
        yield f"long names in {name}", lambda folder=folder: resources.deep_tree(folder, name="q" * 200)
    yield "memory", lambda: resources.memory(2048)  # last: where the kernel kills a whole group, the round ends


def _is_foreign(pid, targets):
    """Return whether a pid belongs to a process of somebody else, by its name: it may also be a pid of this namespace."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as file:
        return file.read().strip() in targets["names"]
    return True


def _hold_connections(targets):
    held = []
    for address, port in targets["open_ports"][:50]:
        connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        connection.settimeout(0.2)
        held.append(connection)
        with contextlib.suppress(OSError):
            connection.connect((address, port))


def attack(targets, seconds, report, only=(), without=()):
    """Attack for some seconds. Calls `report(line)` after each probe with its name and how its process ended. `only`, `without`: names of probes."""
    if privileged_on_host():
        report("REFUSED these probes would be allowed here")
        return
    state["until"] = end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, attempt in rounds(targets):
            if time.monotonic() > end:
                break
            if name in without or (only and name not in only):
                continue
            report("ATTACK " + json.dumps({"name": name, **_alone(attempt, end + 10)}))


def _alone(attempt, end):
    """Run a probe in a child. Returns its answer and the signal that ended it."""
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError as refused:
        os.close(reading)
        os.close(writing)
        time.sleep(0.5)
        return {"fork": os.strerror(refused.errno)}
    if child == 0:
        with contextlib.suppress(BaseException):
            try:
                answer = attempt()
            except Exception as error:  # noqa: BLE001 - any error is an answer
                answer = repr(error)[:200]
            os.write(writing, json.dumps(answer, default=str)[:4000].encode())
        os._exit(0)
    os.close(writing)
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            break
        time.sleep(0.02)
    else:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as answer:
        return {"answer": answer.read(), "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}
