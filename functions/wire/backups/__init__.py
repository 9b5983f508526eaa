"""The backup store: encrypted backups in a folder or an S3 bucket, for data services, volumes and the installation itself.

A backup belongs to a collection (`services/<id>`, `volumes/<id>`, `capsule`) and has an id, parts and a manifest. Invariants:

- The manifest is written last and names every part with size and checksum. What has no manifest is no backup: it is never listed, and
  `delete_unfinished` removes it.
- Every object is encrypted and authenticated under its own name (`encryption`). An object that was changed, cut, or put in another's place
  cannot be read. The key is not in the store.
- Nothing holds more than a few frames in memory, whatever the size of a part.

`objects` stores bytes under names (`folder`, `s3`), `encryption` is the format, `store` makes backups of both. Everything here is
synchronous: call it in a thread. Why this format: docs/decisions/0047-backups-are-encrypted-streams-under-their-names.md.
"""

from functions.wire.backups.errors import (
    BackupDamaged,
    BackupNotFound,
    BackupStoreFull,
    BackupStoreRefused,
    BackupStoreUnavailable,
    InvalidBackupKey,
    WrongBackupKey,
)
from functions.wire.backups.keys import BackupKey, BackupKeys
from functions.wire.backups.manifest import Manifest, Part
from functions.wire.backups.objects import ObjectStore, StoredObject
from functions.wire.backups.store import BackupStore, BackupWriter

__all__ = [
    "BackupDamaged",
    "BackupKey",
    "BackupKeys",
    "BackupNotFound",
    "BackupStore",
    "BackupStoreFull",
    "BackupStoreRefused",
    "BackupStoreUnavailable",
    "BackupWriter",
    "InvalidBackupKey",
    "Manifest",
    "ObjectStore",
    "Part",
    "StoredObject",
    "WrongBackupKey",
]
