"""Rejections of backups of data services. The docstring of each is the title of its problem document (RFC 9457)."""

from typing import Self
from uuid import UUID

from functions.deploy.domain.rejections import InvalidFields
from functions.kernel import Conflict, NotFound


class InvalidBackupPolicy(InvalidFields):
    """Invalid backup policy."""


class BackupNotFound(NotFound):
    """Backup not found."""

    @classmethod
    def of(cls, backup_id: UUID) -> Self:
        return cls(f"This data service has no backup {backup_id}. List them: capsule services backups NAME")


class NoBackups(Conflict):
    """This data service has no backups."""

    @classmethod
    def of(cls, name: str) -> Self:
        return cls(f"{name} is an external service. Back it up where it is.")

    @classmethod
    def on_cluster(cls, name: str) -> Self:
        return cls(f"{name} is a Redis on a cluster, which has no backups. Copy its keys through a tunnel: capsule services tunnel {name}")


class BackupInProgress(Conflict):
    """A backup or a restore of the data service is in progress."""

    @classmethod
    def of(cls, name: str) -> Self:
        return cls(f"A backup or a restore of {name} is in progress. Try again when it has ended: capsule services backups {name}")


class BackupNotComplete(Conflict):
    """The backup is not complete."""

    @classmethod
    def of(cls, state: str) -> Self:
        return cls(f"The backup is {state}. Choose one that is complete.")


class TooManyBackups(Conflict):
    """The data service has as many backups as it may have. Delete some."""

    @classmethod
    def of(cls, name: str, limit: str) -> Self:
        return cls(f"{name} has {limit} of backups, the most it may have. Delete old ones: capsule services backups {name} delete ID")
