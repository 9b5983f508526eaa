"""Orphans are reaped; children that a `Process` follows are not."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.knative.machine import service, until
from tests.knative.sandbox.modes import running
from tests.proof import proof

ORPHAN = "(sleep 0.1 & sleep 0.1 & sleep 0.1 &)"
"""A subshell that ends before what it started."""
PROGRAM = """
import asyncio, os, subprocess, sys
from knative.local.processes.orphans import OrphanReaper
from knative.local.processes.launcher import Launcher
from knative.local.processes.process import Command
from knative.local.sandbox.isolation import become_subreaper

def zombies():
    found = subprocess.run(["ps", "-o", "stat=", "--ppid", str(os.getpid())], capture_output=True, text=True).stdout
    return found.count("Z")

async def main():
    become_subreaper()
    reaper = OrphanReaper(round_seconds=0.05)
    for _ in range(10):
        subprocess.run(["sh", "-c", sys.argv[1]], check=True)
    while zombies() < 30:
        await asyncio.sleep(0.05)
    null = os.open(os.devnull, os.O_RDWR)
    await reaper.start()
    read = [await Launcher().start(Command(("sh", "-c", f"exit {code}"), {"PATH": os.defpath}, "/"), null, null) for code in range(1, 20)]
    while zombies():
        await asyncio.sleep(0.05)
    print([await each.ended for each in read])
    await reaper.stop()

asyncio.run(main())
"""


def test_orphans_are_reaped_and_followed_children_are_not() -> None:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), ORPHAN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == f"{list(range(1, 20))}\n", done.stderr


def zombies_of(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] == "Z" and int(fields[1]) == pid:
            found.append(int(folder.name))
    return found


@proof("tenant-isolation")
@pytest.mark.parametrize("mode", ["own account", "without a sandbox"])
def test_orphans_of_platform_processes_are_reaped(mode: str) -> None:
    """Without a sandbox, applications run like the platform's own processes."""
    with running(mode) as machine:
        namespace = machine.namespace("capsule" if mode == "own account" else None)
        daemons = ["sh", "-c", f"for i in 1 2 3 4 5 6 7; do {ORPHAN}; done; exec python -m tests.knative.serving.sample"]
        machine.create(service(namespace, "parent", command=daemons))
        with machine.http(machine.ready(namespace, "parent")) as http:
            assert http.get("/").status_code == 200
            assert machine.process is not None
            pid = machine.process.pid
            until(lambda: len(zombies_of(pid)) >= 21 or None, 20)
            until(lambda: not zombies_of(pid), 60)
    assert os.getpid() != pid
