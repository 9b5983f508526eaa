"""A snapshot of a volume: its files at one moment, on the same storage. States: creating → ready or failed; deleting until it is gone."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from events.volumes import VolumeSnapshotCreated, VolumeSnapshotDeleted, VolumeSnapshotRequested
from functions.deploy.domain.volume import Volume
from functions.deploy.domain.volume_rejections import VolumeNotReady
from functions.kernel import Events, new_id

MAX_SNAPSHOTS = 10
"""Of one volume."""


class SnapshotState(StrEnum):
    CREATING = "creating"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"


@dataclass(slots=True)
class VolumeSnapshot:
    id: UUID
    volume_id: UUID
    application_id: UUID
    claim: str
    """The claim that it is a copy of: a volume that was restored has another one since."""
    size_mib: int
    """Of the volume at that time."""
    requested_at: datetime
    state: SnapshotState = SnapshotState.CREATING
    error: str | None = None
    ready_at: datetime | None = None
    used_bytes: int | None = None
    """What the volume had at its last measurement before; None: it was not measured."""

    @classmethod
    def request(cls, volume: Volume, at: datetime) -> tuple[Self, Events]:
        """Raises VolumeNotReady."""
        volume.require_ready()
        snapshot = cls(new_id(), volume.id, volume.application_id, volume.claim, volume.size_mib, at, used_bytes=volume.used_bytes)
        return snapshot, (VolumeSnapshotRequested(**snapshot._ids(), at=at),)

    @property
    def object_name(self) -> str:
        """Of the VolumeSnapshot on the cluster."""
        return f"snapshot-{self.id.hex[-12:]}"

    def require_ready(self) -> None:
        """Raises VolumeNotReady."""
        if self.state is not SnapshotState.READY:
            raise VolumeNotReady(f"The snapshot {self.id} is {self.state}.")

    def complete(self, volume: Volume, owner: UUID, at: datetime) -> Events:
        """Idempotent."""
        if self.state not in (SnapshotState.CREATING, SnapshotState.FAILED):
            return ()
        self.state, self.error, self.ready_at = SnapshotState.READY, None, at
        return (VolumeSnapshotCreated(**self._ids(), user_id=owner, name=volume.name, at=at),)

    def fail(self, error: str) -> None:
        if self.state is SnapshotState.CREATING:
            self.state, self.error = SnapshotState.FAILED, error[:500]

    def delete(self, at: datetime) -> Events:
        self.state = SnapshotState.DELETING
        return (VolumeSnapshotDeleted(**self._ids(), at=at),)

    def _ids(self) -> dict[str, UUID]:
        return {"snapshot_id": self.id, "volume_id": self.volume_id, "application_id": self.application_id}
