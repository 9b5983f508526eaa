"""Ports about what is stored: meters, and what accounts use of their quotas."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.domain.storage_metering import StorageMeter, StoredResource


class StorageMeters(Protocol):
    async def add_missing(self) -> None:
        """Add a meter for each application that has something stored, or restorable, and none. It measures from the begin of the oldest of them."""
        ...

    async def lock_due(self, measured_before: datetime, measured_after: datetime, limit: int) -> Sequence[StorageMeter]:
        """Meters that were read before the one or after the other time, the oldest first, without those that another transaction has locked."""
        ...

    async def list_stored(self, meters: Collection[StorageMeter]) -> Mapping[UUID, Sequence[StoredResource]]:
        """By application, what exists or can be restored, and what has ended after its meter was read.

        Data services that Capsule creates, volumes, complete backups and snapshots. Backups and snapshots end with their service or volume.
        """
        ...

    async def save(self, meters: Collection[StorageMeter]) -> None: ...

    async def delete(self, application_ids: Collection[UUID]) -> None:
        """Of applications that have nothing any more. Idempotent."""
        ...


class StorageUse(Protocol):
    """What data services, volumes and backups of an account use of its quota. What is deleted counts until it is purged."""

    async def of_account(self, user_id: UUID) -> StorageAmounts: ...

    async def of_application(self, application_id: UUID) -> StorageAmounts: ...
