"""The image store of one machine.

An image belongs to one application and is named by the digest of its content.

    <state>/images/apps/<namespace>/<digest>/    record.json (the platform's) beside image.json and rootfs/ (the build's)
    <state>/images/apps/<namespace>/.staging-*   a running hand-over
    <state>/images/removed/                      images of deleted namespaces whose pods are still ending

Only the platform can enter the folders above an image (0700). Equal bytes of two applications are two images. An image
is deleted by renaming it into the trash, so it exists whole or not at all.
"""

import asyncio
import logging
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from knative.local.images.errors import BadImage, UnknownImage
from knative.local.images.image import DEFAULT_COMMAND, DEFAULT_PATH, SYSTEM_PATH, Image, search_path
from knative.local.images.record import RECORD, Record, sync_folder
from knative.local.images.reference import APPLICATIONS, DIGEST, NAME, NAMESPACE, PLATFORM, PROJECT, digest_of, is_platform
from knative.local.images.tree import ROOT_FOLDER, Tree, measure
from knative.local.processes.procfs import boot_id
from knative.local.trash import Trash
from knative.local.unpacking.unpacker import Limits

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""namespace, digest"""
UNBOUNDED = Limits(1 << 62, 1 << 62, 1 << 62)
"""For stored images, whose limits were checked at their hand-over."""
NOT_KEPT = "is no longer kept on this machine. Deploy its commit again."
"""The deploy context recognizes `no longer kept` (functions/deploy/domain/observation.py)."""


@dataclass(frozen=True, slots=True)
class Usage:
    images: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Staging:
    folder: Path
    content: Path
    """Where the image's files are to be written."""


class Images:
    def __init__(self, state: Path, trash: Trash | None = None, *, boot: Callable[[], str] = boot_id, clock: Callable[[], float] = time.time) -> None:
        self.trash = trash or Trash(state / "trash")
        self._store = state / "images"
        self._boot, self._clock = boot, clock
        self._records: dict[Key, Record] = {}
        self._verifying: dict[Key, asyncio.Lock] = {}
        self.migrated = asyncio.Event()
        """Set when images of an earlier layout are in the store; `resolve` waits for it."""
        self.migrated.set()
        self._load()

    # --- reading

    async def resolve(self, reference: str, namespace: str) -> Image:
        """Return the image that a pod of this namespace may start.

        Its digest is verified at the first use after a boot. Raises UnknownImage.
        """
        if is_platform(reference):
            path = f"{Path(sys.executable).parent}:{SYSTEM_PATH}"
            return Image(DEFAULT_COMMAND, {"PATH": path}, PROJECT, platform=True)
        digest = digest_of(reference)
        if digest is None:
            raise UnknownImage(
                f'image "{reference}" cannot be pulled: one machine only runs {PLATFORM} and images built on it, {APPLICATIONS}<name>@sha256:<digest>'
            )
        await self.migrated.wait()
        key = namespace, digest
        record = self._records.get(key)
        if record is not None and record.boot != self._boot():
            if not await self._verify(key):
                raise UnknownImage(f'image "{reference}" is damaged on disk and {NOT_KEPT}')
            record = self._records.get(key)
        if record is None:
            raise UnknownImage(f'image "{reference}" {NOT_KEPT}')
        path = search_path(record.env) if record.own_root is None else record.env.get("PATH") or DEFAULT_PATH
        return Image(record.command, {**record.env, "PATH": path}, self._place(key) / ROOT_FOLDER, own_root=record.own_root)

    def records(self) -> list[Record]:
        """Return the stored images, oldest first."""
        return sorted(self._records.values(), key=lambda record: record.created_at)

    def has(self, key: Key) -> bool:
        return key in self._records

    def usage(self) -> Mapping[str, Usage]:
        """Return the number and size of images by namespace."""
        found: dict[str, Usage] = {}
        for record in self._records.values():
            before = found.get(record.namespace, Usage(0, 0))
            found[record.namespace] = Usage(before.images + 1, before.bytes + record.bytes)
        return found

    @property
    def bytes(self) -> int:
        return sum(record.bytes for record in self._records.values())

    # --- writing

    def stage(self, namespace: str) -> Staging:
        """Create an empty folder for a hand-over. Raises BadImage."""
        if NAMESPACE.fullmatch(namespace) is None:
            raise BadImage(f"{namespace!r} is not a name of a namespace.")
        folder = self._apps / namespace / f".staging-{secrets.token_hex(8)}"
        (folder / "content").mkdir(parents=True, mode=0o755)
        for each in (self._store, self._apps, folder.parent, folder):
            each.chmod(0o700)
        return Staging(folder, folder / "content")

    async def add(self, staging: Staging, name: str, tree: Tree) -> Record:
        """Make a staged tree an image of its namespace, atomically.

        An existing image with this digest stays and counts as new. Raises BadImage.
        """
        if NAME.fullmatch(name) is None or DIGEST.fullmatch(tree.digest) is None:
            raise BadImage(f"{name}@sha256:{tree.digest} is not a reference of the form {APPLICATIONS}<name>@sha256:<digest>.")
        namespace, manifest = staging.folder.parent.name, tree.manifest
        key = namespace, tree.digest
        times = self._clock(), self._boot()
        record = Record(namespace, name, tree.digest, tree.bytes, tree.files, manifest.command, manifest.env, *times, manifest.own_root)
        if key in self._records and self._records[key].boot != record.boot:
            await self._verify(key)
        await asyncio.to_thread(_complete, staging, record)
        if key in self._records:
            record = replace(self._records[key], created_at=record.created_at)
            record.write(self._place(key))
            self.trash.discard(staging.folder)
        else:
            staging.folder.rename(self._place(key))
            sync_folder(self._place(key).parent)
        self._records[key] = record
        return record

    def discard(self, staging: Staging) -> None:
        """Delete a staging folder. Does nothing after a successful hand-over."""
        self.trash.discard(staging.folder)

    def remove(self, key: Key) -> None:
        if self._records.pop(key, None) is not None:
            self.trash.discard(self._place(key))

    def remove_namespace(self, namespace: str) -> None:
        """Remove all images of a namespace at once, so that a new namespace of this name never sees them.

        Their files stay, so that the namespace's last pods can use them, until `sweep`.
        """
        for key in [each for each in self._records if each[0] == namespace]:
            del self._records[key]
        self._removed.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            (self._apps / namespace).rename(self._removed / f"{namespace}.{secrets.token_hex(8)}")
        except FileNotFoundError:
            return

    def sweep(self, has_pods: Callable[[str], bool]) -> bool:
        """Delete the files of removed namespaces without running pods. Returns whether none is left."""
        is_complete = True
        for folder in list(self._removed.iterdir()) if self._removed.is_dir() else []:
            if has_pods(folder.name.partition(".")[0]):
                is_complete = False
            else:
                self.trash.discard(folder)
        return is_complete

    def clean(self) -> None:
        """Delete what a killed run left: unfinished hand-overs, and folders without a record."""
        for namespace in self._folders(self._apps):
            for folder in namespace.iterdir():
                if (namespace.name, folder.name) not in self._records:
                    self.trash.discard(folder)

    # --- internal

    @property
    def _apps(self) -> Path:
        return self._store / "apps"

    @property
    def _removed(self) -> Path:
        return self._store / "removed"

    def _place(self, key: Key) -> Path:
        return self._apps / key[0] / key[1]

    def _folders(self, folder: Path) -> list[Path]:
        return [each for each in folder.iterdir() if each.is_dir()] if folder.is_dir() else []

    def _load(self) -> None:
        for namespace in self._folders(self._apps):
            for folder in self._folders(namespace):
                if DIGEST.fullmatch(folder.name):
                    try:
                        self._records[namespace.name, folder.name] = Record.read(folder)
                    except (OSError, ValueError, KeyError, TypeError) as error:
                        log.warning("image %s has no readable record and is ignored: %r", folder, error)

    async def _verify(self, key: Key) -> bool:
        """Return whether an image has the digest in its name. A damaged image is deleted."""
        async with self._verifying.setdefault(key, asyncio.Lock()):
            record = self._records.get(key)
            if record is None or record.boot == self._boot():
                return record is not None
            folder = self._place(key)
            try:
                found = (await asyncio.to_thread(measure, folder, UNBOUNDED, ignore={RECORD, f".{RECORD}"})).digest
            except BadImage as error:
                found = str(error)
            if self._records.get(key) is not record:
                return key in self._records
            if found != record.digest:
                log.error("the image %s of %s is damaged: %s", record.reference, record.namespace, found)
                self.remove(key)
                return False
            self._records[key] = replace(record, boot=self._boot())
            with suppress(FileNotFoundError):  # removed since
                await asyncio.to_thread(self._records[key].write, folder)
            return True


def _complete(staging: Staging, record: Record) -> None:
    """Move content/image.json and content/rootfs up, beside the record."""
    for name in ("image.json", ROOT_FOLDER):
        (staging.content / name).rename(staging.folder / name)
    staging.content.rmdir()
    record.write(staging.folder)
