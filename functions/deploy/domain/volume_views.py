"""How the API shows volumes and their snapshots."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.volume import Volume, VolumeState
from functions.deploy.domain.volume_snapshot import SnapshotState, VolumeSnapshot
from functions.kernel import Model


class VolumeView(Model):
    id: UUID
    name: str
    size_mib: int
    """That it has."""
    requested_size_mib: int | None
    """That it is to have, or with an `error` could not get; null if no change is open."""
    state: VolumeState
    error: str | None
    """Why it was not created, or does not have the requested size."""
    environment: str | None
    """Where it is attached."""
    mount_path: str | None
    processes: list[str]
    """Process types that have it; empty: all, with one-off commands and schedules."""
    used_bytes: int | None
    """As of `measuredAt`; null if it was not measured yet."""
    measured_at: datetime | None
    requested_at: datetime
    ready_at: datetime | None
    attached_at: datetime | None
    deleted_at: datetime | None
    purge_at: datetime | None
    """When its files are deleted for good. Until then it can be restored."""

    @classmethod
    def of(cls, volume: Volume) -> Self:
        return cls.model_validate(volume, from_attributes=True)


class VolumeAccepted(VolumeView):
    operation_id: UUID

    @classmethod
    def accepted(cls, volume: Volume, operation_id: UUID) -> Self:
        return cls(**dict(VolumeView.of(volume)), operation_id=operation_id)


class VolumeSnapshotView(Model):
    id: UUID
    volume_id: UUID
    state: SnapshotState
    error: str | None
    size_mib: int
    requested_at: datetime
    ready_at: datetime | None

    @classmethod
    def of(cls, snapshot: VolumeSnapshot) -> Self:
        return cls.model_validate(snapshot, from_attributes=True)


class VolumeSnapshotAccepted(VolumeSnapshotView):
    operation_id: UUID

    @classmethod
    def accepted(cls, snapshot: VolumeSnapshot, operation_id: UUID) -> Self:
        return cls(**dict(VolumeSnapshotView.of(snapshot)), operation_id=operation_id)
