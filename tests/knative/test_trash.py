"""Deletion of files and folders, whatever a tenant has created in them."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from knative.local.trash import Trash
from tests.proof import proof


async def empty(trash: Trash) -> None:
    await trash.start()
    await wait_for_count(trash, 0)
    await trash.stop()


async def wait_for_count(trash: Trash, count: int) -> None:
    async with asyncio.timeout(300):
        while len(os.listdir(trash.folder)) != count:  # noqa: ASYNC110 - the file system sends no event
            await asyncio.sleep(0.01)


def deep(folder: Path, levels: int) -> None:
    """Create a chain of folders whose path is longer than the kernel accepts."""
    folder.mkdir()
    current = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d" * 200, dir_fd=current)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = inner
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=current))
    os.close(current)


@pytest.mark.parametrize("levels", [1_500, pytest.param(20_000, marks=proof("tenant-isolation"))])
async def test_a_deep_tree_is_deleted(tmp_path: Path, levels: int) -> None:
    trash = Trash(tmp_path / "trash")
    deep(tmp_path / "tree", levels)
    assert trash.discard(tmp_path / "tree") and not (tmp_path / "tree").exists()
    await empty(trash)


async def test_unusual_names_modes_and_links_are_deleted(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    tree = tmp_path / "tree"
    (tree / "sub" / "inner").mkdir(parents=True)
    for name in (b"\xff\xfe", b"a\nb", b"-rf", b"x" * 255):
        os.close(os.open(os.fsencode(tree / "sub") + b"/" + name, os.O_CREAT | os.O_WRONLY))
        os.mkdir(os.fsencode(tree) + b"/" + name)
    (tree / "link").symlink_to(outside)
    (tree / "sub" / "file-link").symlink_to(outside / "kept")
    os.link(outside / "kept", tree / "hard")
    os.mkfifo(tree / "pipe")
    for folder in (tree / "sub/inner", tree / "sub", tree):
        folder.chmod(0o000)
    trash = Trash(tmp_path / "trash")
    trash.discard(tree)
    await empty(trash)
    assert (outside / "kept").read_text() == "kept" and outside.stat().st_mode & 0o777 == 0o755 and (outside / "kept").stat().st_nlink == 1


async def test_many_files_and_hard_links_are_deleted(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "first").write_text("x")
    for number in range(12_000):
        os.link(tree / "first", tree / f"same-{number}")
    for number in range(3_000):
        (tree / f"folder-{number}").mkdir()
    trash = Trash(tmp_path / "trash")
    trash.discard(tree)
    await empty(trash)


async def test_undeletable_files_are_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trash = Trash(tmp_path / "trash")
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "file").write_text("x")
        (tmp_path / name / "file").write_text("x")
    busy = tmp_path / "one" / "sub" / "file"
    if not immutable(busy, True):
        pytest.skip("no immutable files here")
    try:
        for name in ("one", "two"):
            trash.discard(tmp_path / name)
        await trash.start()
        await wait_for_count(trash, 1)
        assert trash.discard(tmp_path / "absent") is False
        (tmp_path / "three").write_text("x")
        trash.discard(tmp_path / "three")
        await wait_for_count(trash, 1)
        await trash.stop()
        (left,) = trash.folder.iterdir()
        assert os.listdir(left) == ["file"]
        assert caplog.text.count("cannot be deleted: Operation not permitted") == 1
    finally:
        for path in trash.folder.rglob("file"):
            immutable(path, False)
    await empty(Trash(trash.folder))


def immutable(path: Path, on: bool) -> bool:
    program = shutil.which("chattr")
    return program is not None and subprocess.run([program, "+i" if on else "-i", str(path)], capture_output=True).returncode == 0


async def test_files_discarded_while_stopped_are_deleted_after_the_start(tmp_path: Path) -> None:
    trash = Trash(tmp_path / "state" / "trash")
    await trash.start()
    await trash.stop()
    (tmp_path / "file").write_text("x")
    trash.discard(tmp_path / "file")
    assert trash.folder.stat().st_mode & 0o777 == 0o700
    await empty(trash)


def test_deletion_needs_no_privileges(tmp_path: Path) -> None:
    """For users other than root, a folder of mode 000 can be moved and read only after its mode is changed."""
    script = f"""
import os, sys
os.chdir({str(tmp_path)!r})
if os.geteuid() == 0:
    os.chown(".", 65534, 65534)
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
from pathlib import Path
from knative.local.trash import Trash
os.makedirs("tree/a/b")
open("tree/a/b/f", "w").close()
for folder in ("tree/a/b", "tree/a", "tree"):
    os.chmod(folder, 0)
trash = Trash(Path("trash"))
assert trash.discard(Path("tree"))
list(trash.delete())
sys.exit(str(os.listdir("trash")) if os.listdir("trash") else 0)
"""
    done = subprocess.run([sys.executable, "-c", f"import knative.local.trash\n{script}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
