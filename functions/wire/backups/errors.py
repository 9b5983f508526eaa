"""What can go wrong with the store of backups. Texts name the object or the folder, and what to do."""

from functions.kernel import Permanent, Transient


class BackupStoreUnavailable(Transient):
    """The store does not answer, or failed while it was read or written."""


class BackupStoreFull(BackupStoreUnavailable):
    """No space is left. What was being written is removed."""


class BackupStoreRefused(Permanent):
    """The store refuses: credentials, permissions, or no such bucket."""


class BackupNotFound(Permanent):
    """There is no such backup or part."""


class BackupDamaged(Permanent):
    """A part is not what was stored: it was changed, cut, or belongs to another backup."""


class WrongBackupKey(Permanent):
    """The backup was encrypted with a key that is not among those given."""


class InvalidBackupKey(ValueError):
    """The text is no backup key: it was mistyped or cut."""
