"""Backups: encrypted parts, and a manifest that makes them one."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from functions.wire.backups.encryption import decrypt, encrypt
from functions.wire.backups.errors import BackupDamaged, BackupNotFound
from functions.wire.backups.keys import BackupKeys
from functions.wire.backups.manifest import MANIFEST, Manifest, Part
from functions.wire.backups.objects import ObjectStore, require_name


class BackupStore:
    """All methods block, and raise what `ObjectStore` raises."""

    def __init__(self, objects: ObjectStore, keys: BackupKeys) -> None:
        self._objects = objects
        self._keys = keys

    def begin(self, collection: str, backup_id: str) -> "BackupWriter":
        """Begin a backup, or begin it anew after an interruption: parts of the same name are replaced. Ids are never used twice."""
        return BackupWriter(self._objects, self._keys, collection, backup_id)

    def list_ids(self, collection: str) -> list[str]:
        """The ids of complete backups, oldest first (UUIDv7 and times sort so). Reads no content, so it needs no key."""
        suffix = f"/{MANIFEST}"
        names = [each.name.removeprefix(f"{collection}/") for each in self._objects.list(f"{collection}/")]
        return sorted(name.removesuffix(suffix) for name in names if name.endswith(suffix) and name.count("/") == 1)

    def find(self, collection: str, backup_id: str) -> Manifest | None:
        """The manifest of a complete backup; None if there is none. Raises BackupDamaged and WrongBackupKey."""
        name = _name(collection, backup_id, MANIFEST)
        try:
            manifest = Manifest.decode(b"".join(decrypt(self._objects.read(name), self._keys, name)), name)
        except BackupNotFound:
            return None
        if (manifest.collection, manifest.id) != (collection, backup_id):
            raise BackupDamaged(f"{name} is the manifest of another backup")
        return manifest

    def get(self, collection: str, backup_id: str) -> Manifest:
        """`find`, but raises BackupNotFound, also for a backup that was never completed."""
        found = self.find(collection, backup_id)
        if found is None:
            raise BackupNotFound(f"there is no complete backup {backup_id} of {collection}")
        return found

    def read(self, manifest: Manifest, part_name: str) -> Iterator[bytes]:
        """Yield the content of a part. After the last chunk it is known to be complete: do not use what came before an error.

        Raises BackupDamaged, which names the part.
        """
        part = manifest.part(part_name)
        name = _name(manifest.collection, manifest.id, part_name)
        digest, size = hashlib.sha256(), 0
        try:
            for chunk in decrypt(self._objects.read(name), self._keys, name):
                digest.update(chunk)
                size += len(chunk)
                yield chunk
        except BackupNotFound as error:
            raise BackupDamaged(f"the part {part_name} of the backup {manifest.id} is missing from the store") from error
        if (size, digest.hexdigest()) != (part.size_bytes, part.sha256):
            raise BackupDamaged(f"{name} is damaged: its checksum is not that of the manifest")

    def verify(self, manifest: Manifest) -> None:
        """Read every part. Raises BackupDamaged, which names the first one that is damaged."""
        for part in manifest.parts:
            for _ in self.read(manifest, part.name):
                pass

    def delete(self, collection: str, backup_id: str) -> None:
        """Delete a backup, complete or not. Its manifest goes first: what is left after an interruption is no backup. Idempotent."""
        self._objects.delete(_name(collection, backup_id, MANIFEST))
        for each in list(self._objects.list(f"{collection}/{backup_id}/")):
            self._objects.delete(each.name)

    def delete_all(self, collection: str) -> None:
        """Delete every backup of a collection. Idempotent."""
        stored = list(self._objects.list(f"{collection}/"))
        for each in sorted(stored, key=lambda each: not each.name.endswith(f"/{MANIFEST}")):
            self._objects.delete(each.name)

    def delete_unfinished(self, collection: str, before: datetime) -> list[str]:
        """Delete what interrupted backups of a collection have left. Returns their ids. `before`: of their newest part; later than any that runs."""
        self._objects.delete_unfinished(before)
        complete, newest, names = set(self.list_ids(collection)), dict[str, datetime](), dict[str, list[str]]()
        for each in self._objects.list(f"{collection}/"):
            backup_id, _, part = each.name.removeprefix(f"{collection}/").partition("/")
            if part and "/" not in part and backup_id not in complete:
                newest[backup_id] = max(newest.get(backup_id, each.stored_at), each.stored_at)
                names.setdefault(backup_id, []).append(each.name)
        left = sorted(backup_id for backup_id, stored_at in newest.items() if stored_at < before)
        for backup_id in left:
            for name in names[backup_id]:
                self._objects.delete(name)
        return left


class BackupWriter:
    """Writes the parts of one backup, then its manifest. Without `complete` there is no backup."""

    def __init__(self, objects: ObjectStore, keys: BackupKeys, collection: str, backup_id: str) -> None:
        self._objects = objects
        self._keys = keys
        self._collection = collection
        self._id = backup_id
        self._parts: dict[str, Part] = {}

    def add(self, part_name: str, chunks: Iterable[bytes]) -> Part:
        """Store a part. What `chunks` raises passes through and leaves nothing: raise if the source ends too early."""
        if part_name == MANIFEST:
            raise ValueError(f"no part may be named {MANIFEST}")
        name = _name(self._collection, self._id, part_name)
        digest, size = hashlib.sha256(), 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        stored_bytes = self._objects.write(name, encrypt(counted(), self._keys, name))
        self._parts[part_name] = part = Part(part_name, size, stored_bytes, digest.hexdigest())
        return part

    def complete(self, at: datetime, metadata: Mapping[str, Any]) -> Manifest:
        """Make the parts a backup. `metadata`: JSON, for whoever restores it."""
        manifest = Manifest(self._collection, self._id, at, tuple(self._parts.values()), metadata)
        name = _name(self._collection, self._id, MANIFEST)
        self._objects.write(name, encrypt([manifest.encode()], self._keys, name))
        return manifest

    def abandon(self) -> None:
        """Delete the parts of a backup that failed. Idempotent."""
        for part_name in self._parts:
            self._objects.delete(_name(self._collection, self._id, part_name))


def _name(collection: str, backup_id: str, part_name: str) -> str:
    if "/" in backup_id or "/" in part_name:
        raise ValueError(f"{backup_id}, {part_name}: ids and names of parts have no slash")
    return require_name(f"{collection}/{backup_id}/{part_name}")
