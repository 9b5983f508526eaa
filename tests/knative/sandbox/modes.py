"""The ways to run a one-machine Knative: by whoever runs the tests, by an ordinary user, and by root on a machine that lacks things."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knative.local.trash import Trash
from tests.hostile.ordinary_user import ID, NAME, as_user
from tests.knative.machine import Machine, free_offset
from tests.proof import proof

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
    """Started, and ended with everything of it; what it said of an unexpected error fails the test."""
    if mode != "own account" and os.geteuid() != 0:
        pytest.skip("only root starts a machine in another way")
    home = Path(tempfile.mkdtemp(prefix="capsule-machine-", dir="/tmp"))
    found = Machine(home, free_offset(), environment)
    if mode.startswith("ordinary user"):
        os.chown(home, ID, ID)
        home.chmod(0o711)
        found.wrapped = as_user
        found.environment |= {"HOME": str(home), "USER": NAME}
    if mode in LACKING:
        found.module, found.environment["WEAKER"] = "tests.knative.sandbox.weaker", LACKING[mode]
    try:
        found.start()
        yield found
        assert found.stop() == 0, found.log
        assert "Traceback" not in found.log, found.log
    finally:
        if found.process is not None and found.process.poll() is None:
            found.process.kill()
            found.process.wait()
        discard(home)


def discard(home: Path) -> None:
    """Deep trees too, at which shutil.rmtree ends."""
    trash = Trash(home.with_name(f"{home.name}-trash"))
    trash.discard(home)
    for _ in trash.delete():
        continue
    trash.folder.rmdir()
