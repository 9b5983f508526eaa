"""Build caches of applications: one folder or disk image for each application namespace, used by one build at a time."""

import os
from pathlib import Path

from knative.local.processes.procfs import boot_id
from knative.local.sandbox.disks import are_attached
from knative.local.sandbox.identities import APPLICATION_USER
from knative.local.sandbox.isolation import Abilities
from knative.local.sandbox.plan import Isolation
from knative.local.trash import Trash

BOOT_RECORD = "boot"


class BuildCaches:
    """`folder` holds the caches."""

    def __init__(self, folder: Path, trash: Trash) -> None:
        self.folder = folder
        self._trash = trash
        self._abilities: Abilities | None = None
        self._builds: dict[str, str] = {}
        """Namespace → uid of the build that uses its cache."""

    def open(self, abilities: Abilities) -> None:
        """Delete all caches after a reboot: a disk image that was not unmounted may be damaged, and a build can do without it."""
        self._abilities = abilities
        record = self.folder / BOOT_RECORD
        if not record.exists() or record.read_text() != boot_id():
            self._trash.discard(self.folder)
        self.folder.mkdir(exist_ok=True, mode=0o700)
        record.write_text(boot_id())

    def acquire(self, namespace: str, build: str) -> Path | None:
        """Return the cache of an application for a build (its pod's uid): a disk image that may not exist yet, or a folder.

        None: another build uses it, or this machine cannot map its owners.
        """
        assert self._abilities is not None
        is_root, has_disks = self._abilities.isolation is Isolation.ROOT, self._abilities.has_disks
        if is_root and not self._abilities.has_mapped_mounts:
            return None
        if self._builds.setdefault(namespace, build) != build:
            return None
        place = self.image(namespace) if has_disks else self.folder / namespace
        if not has_disks:
            place.mkdir(exist_ok=True, mode=0o700)
            if is_root:
                os.chown(place, APPLICATION_USER, APPLICATION_USER)
        return None if are_attached([place]) else place

    def release(self, namespace: str, build: str) -> None:
        """Idempotent."""
        if self._builds.get(namespace) == build:
            del self._builds[namespace]

    def image(self, namespace: str) -> Path:
        """Return the path of an application's disk image, which may not exist."""
        return self.folder / f"{namespace}.img"

    def unused(self) -> list[Path]:
        """Return the caches that no build uses now."""
        return [each for each in self.folder.glob("*") if each.name != BOOT_RECORD and each.name.removesuffix(".img") not in self._builds]

    def delete(self, namespace: str) -> None:
        """Delete the cache of an application that was deleted."""
        for place in (self.folder / namespace, self.image(namespace)):
            self._trash.discard(place)
