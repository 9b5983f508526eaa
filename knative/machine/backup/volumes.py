"""Files of applications that no database has: volumes, and the data of Redis services. Each is of a moment of its own, as after a crash."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from functions.wire.backups.programs import output_of
from knative.local.trash import Trash
from knative.local.volumes.images import VolumeImages
from knative.machine.backup.parts import Gone, Moment, Source
from knative.machine.backup.trees import CREATE, Tree, extract
from knative.machine.home import Home
from knative.machine.knative_process import KNATIVE
from knative.machine.processes import find_running

MANIFEST = "appendonly.aof.manifest"
"""Names the files of an append-only file, in the order in which they are read (https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/)."""
LINK_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class VolumeCopy:
    """One volume: an archive of its disk image, copied while its file system is frozen."""

    home: Home
    uid: str

    @property
    def name(self) -> str:
        return f"volume-{self.uid}"

    def read(self) -> Iterator[bytes]:
        """Raises Gone, ProgramFailed, OSError: with no space for the copy, the volume is not stored, and neither is the backup."""
        folder = _volumes(self.home)
        images = VolumeImages(_as_knative_sees(self.home, folder), Trash(self.home.path / "knative" / "trash"))
        draft = folder / f".backup-{self.uid}.draft"  # the one-machine Knative deletes what an interrupted backup leaves, when it starts
        try:
            with _thawed_at_the_end(images, self.uid):
                images.copy_to(self.uid, draft)
            yield from output_of([*CREATE, "--file=-", f"--transform=s|.*|{self.uid}.img|", f"--directory={folder}", draft.name])
        except FileNotFoundError as error:
            raise Gone from error
        finally:
            draft.unlink(missing_ok=True)


class Volumes:
    """Volumes of applications, without their snapshots' copies that were deleted meanwhile."""

    title = "Volumes"
    prefix = "volume-"
    needs_servers = False

    def sources(self, home: Home, moment: Moment) -> Sequence[Source]:
        return [VolumeCopy(home, image.stem) for image in sorted(_volumes(home).glob("*.img"))]

    def restore(self, home: Home, name: str, chunks: Iterator[bytes]) -> None:
        _create_private(home.path / "knative", _volumes(home))
        extract(_volumes(home), chunks)


@dataclass(frozen=True, slots=True)
class RedisCopy:
    """The folder of one Redis service: its files are linked at one moment, since a server replaces them when it rewrites them."""

    home: Home
    service: str

    @property
    def name(self) -> str:
        return f"redis-{self.service}"

    def read(self) -> Iterator[bytes]:
        source, copy = _redis(self.home) / self.service, self.home.run / f"backup-redis-{self.service}" / self.service
        shutil.rmtree(copy.parent, ignore_errors=True)
        try:
            _link(source, copy)
            yield from Tree(self.name, copy.parent, [self.service], may_change=True).read()
        finally:
            shutil.rmtree(copy.parent, ignore_errors=True)


class RedisServices:
    """The data, users and limits of Redis services."""

    title = "Redis"
    prefix = "redis-"
    needs_servers = False

    def sources(self, home: Home, moment: Moment) -> Sequence[Source]:
        root = _redis(home)
        return [RedisCopy(home, each.name) for each in sorted(root.iterdir()) if each.is_dir()] if root.exists() else []

    def restore(self, home: Home, name: str, chunks: Iterator[bytes]) -> None:
        root = _redis(home)
        root.mkdir(mode=0o755, parents=True, exist_ok=True)
        extract(root, chunks)


def _link(source: Path, copy: Path) -> None:
    """Link all files of a folder into another one. Repeated while the server replaces its files. Raises Gone."""
    for _ in range(LINK_ATTEMPTS):
        before = _manifests(source)
        try:
            shutil.copytree(source, copy, copy_function=os.link, dirs_exist_ok=False)
        except (FileNotFoundError, shutil.Error):
            if not source.exists():
                raise Gone from None
        else:
            if _manifests(source) == before:
                return
        shutil.rmtree(copy, ignore_errors=True)
    raise OSError(f"the Redis service {source.name} replaced its files in each of {LINK_ATTEMPTS} attempts to copy them")


def _manifests(folder: Path) -> list[bytes]:
    return [each.read_bytes() for each in folder.rglob(MANIFEST)]


@contextmanager
def _thawed_at_the_end(images: VolumeImages, uid: str) -> Iterator[None]:
    """Thaw the volume also if this process is killed: its shell reads the end of its input then. A volume that is not frozen stays as it is."""
    script = 'read -r _; fsfreeze --unfreeze "$0" 2>/dev/null; exit 0'
    argv = ["sh", "-c", script, str(images.mount_point(uid))]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True):
        yield


def _as_knative_sees(home: Home, folder: Path) -> Path:
    """Volumes are mounted for the one-machine Knative only."""
    running = find_running(home, KNATIVE)
    return folder if running is None else Path(f"/proc/{running.pid}/root{folder}")


def _volumes(home: Home) -> Path:
    return home.path / "knative" / "volumes"


def _redis(home: Home) -> Path:
    return home.path / "services-redis"


def _create_private(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
