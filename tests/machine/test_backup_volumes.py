"""Volumes and Redis services in a backup of the installation: read from one state folder and restored into another."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from knative.local.trash import Trash
from knative.local.volumes.images import VolumeImages
from knative.machine.backup.kinds import KINDS, kind_of
from knative.machine.backup.parts import Gone, Moment
from knative.machine.backup.volumes import RedisServices, Volumes
from knative.machine.home import Home

MOMENT = Moment({}, 0, 0)
REDIS_FILES = ("appendonly.aof.manifest", "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof")


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Home, Home]:
    """The state folder that is stored, and the one that is restored into."""
    return Home(tmp_path / "before"), Home(tmp_path / "after")


def restored(before: Home, after: Home, kind: Volumes | RedisServices) -> list[str]:
    names = []
    for source in kind.sources(before, MOMENT):
        assert kind_of(source.name) is next(each for each in KINDS if isinstance(each, type(kind)))
        kind.restore(after, source.name, source.read())
        names.append(source.name)
    return names


def volume(home: Home, uid: str, content: bytes) -> Path:
    """A volume of 16 MiB that nothing uses, with a file in it."""
    images = VolumeImages(home.path / "knative" / "volumes", Trash(home.path / "trash"))
    images.open(())
    images.create(uid, 16 << 20)
    file = home.path / "content"
    file.write_bytes(content)
    argv = ["debugfs", "-w", "-R", f"write {file} upload", images.image(uid)]
    subprocess.run(argv, check=True, capture_output=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    return images.image(uid)


def test_a_volume_is_restored_with_its_files(homes: tuple[Home, Home]) -> None:
    before, after = homes
    image = volume(before, "1f0c", os.urandom(100_000))
    assert restored(before, after, Volumes()) == ["volume-1f0c"]
    copy = after.path / "knative" / "volumes" / "1f0c.img"
    assert copy.read_bytes() == image.read_bytes()
    assert copy.stat().st_blocks * 512 < copy.stat().st_size, "holes stay holes"
    assert copy.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(each.name for each in image.parent.iterdir()) == ["1f0c.img", "mounted"], "no draft stays"


def test_a_volume_that_is_deleted_meanwhile_is_no_fault(homes: tuple[Home, Home]) -> None:
    image = volume(homes[0], "1f0d", b"1")
    [source] = Volumes().sources(homes[0], MOMENT)
    image.unlink()
    with pytest.raises(Gone):
        list(source.read())


def redis(home: Home, generation: int) -> Path:
    data = home.path / "services-redis" / "s1" / "data" / "appendonlydir"
    data.mkdir(parents=True)
    for name in REDIS_FILES:
        (data / name.replace(".1.", f".{generation}.")).write_text(f"{generation}")
    return data


def rewrite(data: Path, generation: int) -> None:
    """As Redis does: new files, the manifest in one step, then the former files are deleted."""
    for name in REDIS_FILES[1:]:
        (data / name.replace(".1.", f".{generation}.")).write_text(f"{generation}")
    (data / "draft").write_text(f"{generation}")
    (data / "draft").replace(data / REDIS_FILES[0])
    for name in REDIS_FILES[1:]:
        (data / name.replace(".1.", f".{generation - 1}.")).unlink()


@pytest.fixture
def rewriting(homes: tuple[Home, Home]) -> Iterator[None]:
    """A server that replaces its files all the time."""
    data, ends = redis(homes[0], 1), threading.Event()

    def run() -> None:
        generation = 1
        while not ends.wait(0.02):
            generation += 1
            rewrite(data, generation)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    ends.set()
    thread.join()


@pytest.mark.usefixtures("rewriting")
def test_the_files_of_a_redis_service_belong_together(homes: tuple[Home, Home], tmp_path: Path) -> None:
    for number in range(10):
        after = Home(tmp_path / f"after-{number}")
        assert restored(homes[0], after, RedisServices()) == ["redis-s1"]
        data = after.path / "services-redis" / "s1" / "data" / "appendonlydir"
        generation = (data / REDIS_FILES[0]).read_text()
        assert all((data / name.replace(".1.", f".{generation}.")).read_text() == generation for name in REDIS_FILES[1:])
    assert not list(homes[0].run.glob("backup-redis-*"))


def test_a_redis_service_that_is_deleted_meanwhile_is_no_fault(homes: tuple[Home, Home]) -> None:
    data = redis(homes[0], 1)
    [source] = RedisServices().sources(homes[0], MOMENT)
    for path in sorted(data.parent.parent.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    data.parent.parent.rmdir()
    with pytest.raises(Gone):
        list(source.read())
