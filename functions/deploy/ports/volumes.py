"""Ports of volumes: their rows, and the storage that has their files."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.volume import Volume
from functions.deploy.domain.volume_readings import ClaimReading
from functions.deploy.domain.volume_snapshot import VolumeSnapshot


class Volumes(Protocol):
    """Callers lock the application first."""

    async def add(self, volume: Volume) -> None:
        """Raises VolumeNameTaken: names of an application are unique until a volume is purged."""
        ...

    async def get(self, application_id: UUID, volume_id: UUID) -> Volume:
        """Raises VolumeNotFound, also for a purged one and for one of another application."""
        ...

    async def find(self, volume_id: UUID) -> Volume | None:
        """Read a volume in any state, for what follows from an event."""
        ...

    async def lock(self, application_id: UUID, volume_id: UUID) -> Volume:
        """`get`, with the row locked until the transaction ends."""
        ...

    async def lock_any(self, volume_id: UUID) -> Volume | None:
        """`find`, with the row locked until the transaction ends."""
        ...

    async def save(self, volume: Volume) -> None: ...

    async def list_of(self, application_id: UUID) -> Sequence[Volume]:
        """Volumes of an application by name, without purged ones."""
        ...

    async def list_stored(self, limit: int, turn: int) -> Sequence[Volume]:
        """Volumes that are ready, for their measurement: `limit` at most, all of them in as many consecutive turns as that needs."""
        ...

    async def list_due(self, before: datetime, limit: int) -> Sequence[Volume]:
        """Volumes whose grace period has ended, or whose purge was interrupted."""
        ...


class VolumeSnapshots(Protocol):
    async def save(self, snapshot: VolumeSnapshot) -> None:
        """Insert or replace."""
        ...

    async def get(self, volume: Volume, snapshot_id: UUID) -> VolumeSnapshot:
        """Raises SnapshotNotFound, also for one of another volume and one that is being deleted."""
        ...

    async def find(self, snapshot_id: UUID) -> VolumeSnapshot | None: ...

    async def list_of(self, volume_id: UUID) -> Sequence[VolumeSnapshot]:
        """The newest first, without those that are being deleted."""
        ...

    async def delete(self, snapshot_id: UUID) -> None: ...


class VolumeStorage(Protocol):
    """PersistentVolumeClaims and VolumeSnapshots. Every call is idempotent. Raises ClusterUnavailable, ClusterRefused."""

    async def provide(self, claim: Manifest) -> ClaimReading:
        """Create the claim, or let it grow. Returns when it is bound, when its provision has failed, or after some seconds."""
        ...

    async def delete_claims(self, namespace: str, volume_id: UUID, except_for: Sequence[str] = ()) -> None:
        """Delete the claims of a volume, but for those of these names. Pods that have one keep it until they end."""
        ...

    async def read(self, namespace: str, claim: str) -> ClaimReading | None:
        """None if there is no such claim."""
        ...

    async def take(self, snapshot: Manifest) -> str | None:
        """Create the snapshot and wait until it is ready. Returns why it is not; None when it is."""
        ...

    async def delete_snapshot(self, namespace: str, name: str) -> None: ...
