"""The hand-over of a build's image to the store: with the system's tar, the converter, and processes that interfere."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from knative.local.images import BadImage, UnknownImage, digest
from knative.local.unpacking.unpacker import Limits
from tests.knative.images.builds import NAME, NAMESPACE, Shop, image


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    image(tmp_path / "workspace" / "image")
    return tmp_path / "workspace"


async def test_an_image_is_a_copy_named_by_its_digest(shop: Shop, workspace: Path) -> None:
    os.utime(workspace / "image/rootfs/run", (1_700_000_000, 1_700_000_000))
    record = await shop.store(workspace)
    place = shop.place(record)
    assert record.reference == f"{NAME}@sha256:{digest(workspace / 'image')}"
    assert sorted(each.name for each in place.iterdir()) == ["image.json", "record.json", "rootfs"]
    assert (record.bytes, record.files) == (len("a#!/bin/sh\n") + (place / "image.json").stat().st_size, 4)
    assert (place / "rootfs/run").stat().st_ino != (workspace / "image/rootfs/run").stat().st_ino, "no inode of a build's is shared"
    assert (place / "rootfs/run").stat().st_mtime == 1_700_000_000, "Python compares times with its byte code"
    assert [oct((place / "rootfs" / name).stat().st_mode) for name in ("run", "sub", "sub/a")] == ["0o100755", "0o40755", "0o100644"]
    assert os.readlink(place / "rootfs/link") == "run"
    if os.geteuid() == 0:
        assert {(each.lstat().st_uid, each.lstat().st_gid) for each in (place / "rootfs").rglob("*")} == {(1000, 1000)}
    assert place.parent.stat().st_mode & 0o777 == place.stat().st_mode & 0o777 == 0o700
    found = await shop.images.resolve(record.reference, NAMESPACE)
    assert found.placed("/app").command == ("./run", "/app") and found.placed().env["HERE"] == str(place / "rootfs")
    assert not [each for each in place.parent.iterdir() if each.name.startswith(".")]


async def test_an_image_belongs_to_one_application(shop: Shop, workspace: Path) -> None:
    mine = await shop.store(workspace)
    with pytest.raises(UnknownImage, match="no longer kept"):
        await shop.images.resolve(mine.reference, "app-other")
    theirs = await shop.store(workspace, "app-other")
    assert mine.digest == theirs.digest and shop.place(mine) != shop.place(theirs)
    assert (shop.place(mine) / "rootfs/run").stat().st_ino != (shop.place(theirs) / "rootfs/run").stat().st_ino
    assert {namespace: usage.images for namespace, usage in shop.images.usage().items()} == {NAMESPACE: 1, "app-other": 1}


async def test_concurrent_builds_of_equal_source_succeed(shop: Shop, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        image(tmp_path / name / "image")
    namespaces = [NAMESPACE, NAMESPACE, "app-other"]
    found = await asyncio.gather(*(shop.store(tmp_path / name, where) for name, where in zip(("one", "two", "three"), namespaces, strict=True)))
    assert len({record.digest for record in found}) == 1
    for record, where in zip(found, namespaces, strict=True):
        assert await shop.images.resolve(record.reference, where)
        assert digest_of_stored(shop, record.digest, where) == record.digest
    assert len(shop.images.records()) == 2


def digest_of_stored(shop: Shop, name: str, namespace: str) -> str:
    from knative.local.images.store import UNBOUNDED
    from knative.local.images.tree import measure

    return measure(shop.state / "images/apps" / namespace / name, UNBOUNDED, ignore={"record.json"}).digest


def fifo(folder: Path) -> None:
    os.mkfifo(folder / "rootfs/pipe")


def deep(folder: Path) -> None:
    made = folder / "rootfs"
    for _ in range(101):
        made = made / "d"
        made.mkdir()


def replaced_by_link(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("/etc")


def root_is_a_link(folder: Path) -> None:
    (folder / "rootfs").rename(folder.parent / "elsewhere")
    (folder / "rootfs").symlink_to("/etc")


def manifest(text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / "image.json").write_text(text)

    return change


@pytest.mark.parametrize(
    ("change", "limits", "words"),
    [
        (fifo, Limits(), "image/rootfs/pipe is a named pipe; an image holds files, folders and links only."),
        (deep, Limits(), "folders deep; 100 are allowed."),
        (lambda folder: (folder / "rootfs/big").write_bytes(b"x" * (2 << 20)), Limits(bytes=1 << 20), "The image is larger than 1 MiB."),
        (lambda folder: os.truncate(folder / "rootfs/run", 1 << 40), Limits(), "a file of an image has at most 1,073,741,824."),
        (lambda folder: [(folder / f"rootfs/{n}").touch() for n in range(10)], Limits(entries=9), "The image has more than 9 files and folders."),
        (replaced_by_link, Limits(), "The build left no folder image."),
        (lambda folder: folder.rename(folder.with_name("other")), Limits(), "The build left no folder image."),
        (root_is_a_link, Limits(), "The image has no folder rootfs."),
        (lambda folder: (folder / "record.json").write_text("{}"), Limits(), "this one also holds record.json"),
        (lambda folder: (folder / "image.json").unlink(), Limits(), "image.json cannot be read"),
        (lambda folder: ((folder / "image.json").unlink(), (folder / "image.json").symlink_to("/etc/passwd")), Limits(), "image.json cannot be read"),
        (manifest("{"), Limits(), "image.json is not a JSON document"),
        (manifest("[" * 60_000), Limits(), "image.json is not a JSON document"),
        (manifest('{"cmd": ["x"]}' + " " * 70_000), Limits(), "image.json is larger than 65,536 bytes."),
        (manifest('{"cmd": []}'), Limits(), "cmd must be a list of strings"),
        (manifest('{"cmd": ["x\\u0000"]}'), Limits(), "cmd must be a list of strings"),
        (manifest('{"cmd": ["x"], "env": {"A": 1}}'), Limits(), "env must map names to strings"),
    ],
)
async def test_an_invalid_image_is_refused_with_a_sentence(
    shop: Shop, workspace: Path, change: Callable[[Path], object], limits: Limits, words: str
) -> None:
    change(workspace / "image")
    with pytest.raises(BadImage) as refused:
        await shop.store(workspace, limits=limits)
    assert words in str(refused.value)
    assert shop.images.records() == [] and list((shop.state / "images/apps" / NAMESPACE).iterdir()) == []


async def test_hard_links_are_counted_once_and_sockets_are_skipped(shop: Shop, workspace: Path) -> None:
    (workspace / "image/rootfs/first").write_bytes(b"x" * 1000)
    for number in range(50):
        os.link(workspace / "image/rootfs/first", workspace / f"image/rootfs/same-{number}")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(workspace / "image/rootfs/socket"))
        record = await shop.store(workspace, limits=Limits(bytes=3000))
    place = shop.place(record)
    assert (place / "rootfs/same-49").stat().st_nlink == 51 and record.bytes < 2000
    assert not (place / "rootfs/socket").exists()


async def test_non_utf8_names_and_special_modes_are_accepted(shop: Shop, workspace: Path) -> None:
    odd = os.fsdecode(b"\xff\n'")
    (workspace / "image/rootfs" / odd).write_text("odd")
    (workspace / "image/rootfs/run").chmod(0o6755)
    (workspace / "image/rootfs/sub").chmod(0o3777)
    record = await shop.store(workspace)
    place = shop.place(record)
    assert (place / "rootfs" / odd).read_text() == "odd"
    assert (place / "rootfs/run").stat().st_mode & 0o7777 == 0o755 and (place / "rootfs/sub").stat().st_mode & 0o7777 == 0o755


async def test_swapping_links_during_a_hand_over_reaches_nothing(shop: Shop, workspace: Path, tmp_path: Path) -> None:
    """The platform kills a build's processes first. One that survived could only fail its own build."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    (outside / "secret").write_text("secret")
    (outside / "secret").chmod(0o600)
    for number in range(300):
        (workspace / f"image/rootfs/f{number}").write_text("x")
    before = [(path, path.lstat().st_mode, path.lstat().st_uid, path.lstat().st_mtime_ns) for path in (outside, outside / "secret")]
    script = f"""
import os, itertools
os.chdir({str(workspace)!r})
print("up", flush=True)
for n in itertools.count():
    for name in ("image/rootfs/sub", "image/rootfs", "image"):
        try:
            os.rename(name, "away"); os.symlink({str(outside)!r}, name); os.unlink(name); os.rename("away", name)
        except OSError:
            pass
"""
    racer = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=subprocess.PIPE)
    try:
        assert racer.stdout is not None and await racer.stdout.readline()
        ends = {"stored": 0, "refused": 0}
        for _ in range(15):
            try:
                record = await shop.store(workspace)
            except BadImage:
                ends["refused"] += 1
            else:
                ends["stored"] += 1
                assert digest_of_stored(shop, record.digest, NAMESPACE) == record.digest
        assert racer.returncode is None
    finally:
        racer.kill()
        await racer.wait()
    assert before == [(path, path.lstat().st_mode, path.lstat().st_uid, path.lstat().st_mtime_ns) for path in (outside, outside / "secret")]
    stored = [path for path in (shop.state / "images").rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in stored if path.read_text(errors="replace") == "secret"], "nothing outside was read through a link"


async def test_a_full_store_refuses_an_image_with_a_sentence(tmp_path: Path, workspace: Path) -> None:
    shop = Shop(tmp_path / "small", limit_gib=f"{3000 / (1 << 30):.9f}")
    (workspace / "image/rootfs/big").write_bytes(b"1" * 2000)
    await shop.store(workspace)
    (workspace / "image/rootfs/big").write_bytes(b"2" * 2000)
    with pytest.raises(BadImage, match=r"The image store is full: it holds .* MiB of at most .* CAPSULE_IMAGE_STORE_GIB"):
        await shop.store(workspace)
    assert len(shop.images.records()) == 1
    (workspace / "image/rootfs/big").write_bytes(b"1" * 2000)
    await shop.store(workspace)  # it is stored already and needs no space
