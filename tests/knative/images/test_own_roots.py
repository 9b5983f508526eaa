"""Images with a root file system of their own keep owners and permissions, and their digest covers them."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knative.local.images import BadImage
from knative.local.images.handover import Source
from knative.local.images.image import OwnRoot, parse_manifest
from knative.local.images.record import Record
from tests.knative.images.builds import NAME, NAMESPACE, Shop

MANIFEST = {"cmd": ["/bin/serve"], "env": {"PATH": "/bin"}, "root": True, "user": "4711:4712", "groups": [90], "workdir": "/srv", "port": 80}


def root_image(folder: Path, owner: int = 4711, mode: int = 0o600) -> Path:
    (folder / "rootfs/tmp").mkdir(parents=True)
    (folder / "rootfs/tmp").chmod(0o1777)
    (folder / "rootfs/secret").write_text("x")
    (folder / "rootfs/secret").chmod(mode)
    os.chown(folder / "rootfs/secret", owner, owner + 1)
    (folder / "rootfs/link").symlink_to("/etc/shadow")
    os.chown(folder / "rootfs/link", owner, owner, follow_symlinks=False)
    (folder / "image.json").write_text(json.dumps(MANIFEST))
    return folder


async def store(shop: Shop, workspace: Path, has_own_root: bool = True) -> Record:
    source = replace(Source(workspace, "/workspace", "/workspace/image"), has_own_root=has_own_root)
    return await shop.hand_over.store(source, NAME, NAMESPACE)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


@needs_root
async def test_owners_and_permissions_are_kept_without_set_user_id_bits(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    root_image(tmp_path / "w/image", mode=0o4755)
    record = await store(shop, tmp_path / "w")
    root = shop.place(record) / "rootfs"
    about, link = (root / "secret").stat(), (root / "link").lstat()
    assert (about.st_uid, about.st_gid, oct(about.st_mode), link.st_uid) == (4711, 4712, "0o100755", 4711)
    assert oct((root / "tmp").stat().st_mode) == "0o41777"
    found = await shop.images.resolve(record.reference, NAMESPACE)
    assert found.own_root == OwnRoot(4711, 4712, "/srv", (90,), 80) and found.env["PATH"] == "/bin", "nothing of this machine's PATH"
    assert Record.read(shop.place(record)) == record


@needs_root
async def test_another_owner_or_mode_is_another_image(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    digests = set()
    for number, (owner, mode) in enumerate([(4711, 0o600), (4711, 0o640), (33, 0o600), (4711, 0o600)]):
        root_image(tmp_path / f"w{number}/image", owner, mode)
        digests.add((await store(shop, tmp_path / f"w{number}")).digest)
    assert len(digests) == 3


@needs_root
async def test_an_owner_outside_of_the_range_and_another_kind_are_refused(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    root_image(tmp_path / "far/image", 70_000)
    with pytest.raises(BadImage, match="an image has ids below 65,536"):
        await store(shop, tmp_path / "far")
    root_image(tmp_path / "kind/image")
    with pytest.raises(BadImage, match="The kind of the image"):
        await store(shop, tmp_path / "kind", has_own_root=False)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("user", "root", "user must be a number"),
        ("user", "70000", "each below 65,536"),
        ("user", 0, "user must be a number"),
        ("workdir", "srv", "workdir must be an absolute path"),
        ("groups", [70_000], "groups must be at most 64 numbers"),
        ("groups", "x", "groups must be at most 64 numbers"),
        ("port", 70_000, "port must be a port number"),
        ("port", "80", "port must be a port number"),
    ],
)
def test_a_manifest_is_not_trusted(field: str, value: Any, words: str) -> None:
    with pytest.raises(BadImage, match=words):
        parse_manifest(json.dumps({**MANIFEST, field: value}).encode())
