"""Exceed limits: processes, memory, disk, files, folders, log lines, descriptors. Every probe stops by itself at a bound."""

import contextlib
import ctypes
import os
import resource
import shutil
import signal
import sys
import threading
import time

from . import outcome

MIB = 1 << 20
kept = []


def forks(most=600):
    """Start processes until one is refused. They end with the probe."""
    children, error = [], ""
    try:
        while len(children) < most:
            child = os.fork()
            if child == 0:
                signal.pause()
                os._exit(0)
            children.append(child)
    except OSError as refused:
        error = type(refused).__name__
    for child in children:
        os.kill(child, signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)
    return {"made": len(children), "error": error}


def threads(most=3000):
    stop, made, error = threading.Event(), [], ""
    try:
        while len(made) < most:
            thread = threading.Thread(target=stop.wait, daemon=True)
            thread.start()
            made.append(thread)
    except RuntimeError as refused:
        error = str(refused)
    stop.set()
    for thread in made:
        thread.join()
    return {"made": len(made), "error": error}


def memory(mib=4096, seconds=0.0):
    """Allocate memory and touch every page. The kernel should kill this process, not a neighbour's."""
    for _ in range(mib):
        kept.append(bytearray(os.urandom(4096) * 256))
    time.sleep(seconds)
    kept.clear()
    return {"mib": mib}


def memory_in_child(mib=4096):
    """Do the same in a child. Returns how it ended."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(MemoryError):
            memory(mib)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None}


def disk(folder, mib=400, unlinked=False, file_mib=16):
    """Write files of 16 MiB until one is refused. Returns how much was written and the error. `unlinked`: the files are deleted while open."""
    place, written, error, files = os.path.join(folder, f"disk-{os.getpid()}"), 0, "", []
    os.makedirs(place, exist_ok=True)
    block = os.urandom(MIB)
    try:
        for number in range(mib // file_mib):
            file = open(os.path.join(place, str(number)), "wb", buffering=0)  # noqa: SIM115 - it stays open
            files.append(file)
            if unlinked:
                os.unlink(file.name)
            for _ in range(file_mib):
                written += file.write(block)
            time.sleep(0.01)
    except OSError as refused:
        error = type(refused).__name__ if refused.errno is None else os.strerror(refused.errno)
    time.sleep(1.5)  # time for the platform to measure the disk
    for file in files:
        file.close()
    shutil.rmtree(place, ignore_errors=True)
    return {"mib": written // MIB, "error": error}


def sparse(folder, gib=64):
    """Create a large sparse file, then write one byte at its end."""
    path = os.path.join(folder, f"sparse-{os.getpid()}")
    with open(path, "wb") as file:
        result = outcome(file.truncate, gib << 30)
        if result == "ok":
            file.seek((gib << 30) - 1)
            file.write(b"x")
    blocks = os.stat(path).st_blocks
    os.unlink(path)
    return {"result": result, "blocks": blocks}


def inodes(folder, most=400_000):
    """Create empty files until one is refused."""
    place, made, error = os.path.join(folder, f"inodes-{os.getpid()}"), 0, ""
    try:
        for number in range(most):
            if number % 1000 == 0:
                os.makedirs(os.path.join(place, str(number)))
            os.close(os.open(os.path.join(place, str(number // 1000 * 1000), str(number)), os.O_CREAT | os.O_WRONLY))
            made += 1
    except OSError as refused:
        error = os.strerror(refused.errno)
    shutil.rmtree(place, ignore_errors=True)
    return {"made": made, "error": error}


def deep_tree(folder, levels=1500, name="q"):
    """Nest folders, each created from within the last: with a short name too deep for a recursion, with a long name too deep for a path."""
    made, error, home = 0, "", os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.chdir(folder)
        for _ in range(levels):
            os.mkdir(name)
            os.chdir(name)
            made += 1
        with open("leaf", "w") as file:
            file.write("the bottom")
    except OSError as refused:
        error = os.strerror(refused.errno)
    finally:
        os.fchdir(home)
        os.close(home)
    return {"made": made, "error": error}


def log_flood(lines=20_000, width=500, word="flood"):
    text = (word + " " + "x" * width)[:width]
    for number in range(lines):
        print(number, text, file=sys.stdout)
    sys.stdout.flush()
    return {"lines": lines}


def log_without_end(mib=8):
    """Print one very long line."""
    for _ in range(mib):
        sys.stdout.write("y" * MIB)
    sys.stdout.flush()
    print()
    return {"mib": mib}


def descriptors(most=20_000):
    found, error = [], ""
    try:
        while len(found) < most:
            found.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as refused:
        error = os.strerror(refused.errno)
    for each in found:
        os.close(each)
    return {"made": len(found), "error": error}


def locked_memory(mib=64):
    """Lock pages into memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(mib * MIB)
    locked = libc.mlock(buffer, mib * MIB)
    return {"locked": locked == 0, "limit": resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]}


def orphans(count=253):
    """Start grandchildren whose parents end first, so that the sandbox's init must reap them."""
    for _ in range(count):
        child = os.fork()
        if child == 0:
            if os.fork() == 0:
                time.sleep(0.05)
            os._exit(0)
        os.waitpid(child, 0)
    time.sleep(0.5)
    zombies = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
            zombies += file.read().rpartition(")")[2].split()[0] == "Z"
    return {"made": count, "zombies_seen": zombies, "fork_afterwards": outcome(_fork_once)}


def _fork_once():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def kill_everything():
    """Send SIGKILL to every process that may be signalled except this one, from a child in its own session."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os.kill(-1, signal.SIGKILL)
        os._exit(0)
    return {"waited": os.waitpid(child, 0)[1]}


PROBES = {each.__name__: each for each in (
    forks, threads, memory, memory_in_child, disk, sparse, inodes, deep_tree, log_flood, log_without_end, descriptors, locked_memory, orphans,
    kill_everything)}  # fmt: skip
