"""Ways to run a one-machine Knative: as the user who runs the tests, as an ordinary user, and as root on a machine that lacks abilities."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knative.local.trash import Trash
from tests.hostile.ordinary_user import ID, NAME, as_user
from tests.knative.machine import Machine
from tests.proof import proof
from tests.servers import free_offset

MODES = [
    "own account",
    pytest.param("ordinary user", marks=proof("tenant-isolation")),
    pytest.param("without disks and mapped mounts", marks=proof("tenant-isolation")),
]
LACKING = {
    "without disks and mapped mounts": "has_disks has_mapped_mounts",
    "without a sandbox": "sandbox",
    "ordinary user without overlay and filter": "has_overlay has_filter",
}


@contextmanager
def running(mode: str, **environment: str) -> Iterator[Machine]:
    """Start a machine and stop it afterwards. An unexpected error in its log fails the test."""
    if mode != "own account" and os.geteuid() != 0:
        pytest.skip("only root starts a machine in another way")
    home = Path(tempfile.mkdtemp(prefix="capsule-machine-", dir="/tmp"))
    machine = Machine(home, free_offset(), environment)
    if mode.startswith("ordinary user"):
        os.chown(home, ID, ID)
        home.chmod(0o711)
        machine.wrapped = as_user
        machine.environment |= {"HOME": str(home), "USER": NAME}
    if mode in LACKING:
        machine.module, machine.environment["WEAKER"] = "tests.knative.sandbox.weaker", LACKING[mode]
    try:
        machine.start()
        yield machine
        assert machine.stop() == 0, machine.log
        assert "Traceback" not in machine.log, machine.log
    finally:
        if machine.process is not None and machine.process.poll() is None:
            machine.process.kill()
            machine.process.wait()
        delete_home(home)


def delete_home(home: Path) -> None:
    """Delete a folder, also with trees that are too deep for shutil.rmtree."""
    trash = Trash(home.with_name(f"{home.name}-trash"))
    trash.discard(home)
    for _ in trash.delete():
        continue
    trash.folder.rmdir()
