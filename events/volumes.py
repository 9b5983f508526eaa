"""Events of the deploy context about volumes."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class VolumeRefreshRequested(Event, type="volume.refresh-requested"):
    """What the cluster has of a volume is due to be made what is stored.

    `operation`: the kind of the operation that waits for it; empty for none.
    """

    volume_id: UUID
    application_id: UUID
    operation: str
    at: datetime


class VolumeCreated(Event, type="volume.created", is_public=True):
    """A volume is ready to be attached."""

    volume_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    size_mib: int
    at: datetime


class VolumeAttached(Event, type="volume.attached", is_public=True):
    """Processes of an environment have a volume at a path.

    `processes`: the process types; empty for all of them.
    """

    volume_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    environment: str
    mount_path: str
    processes: list[str]
    at: datetime


class VolumeDetached(Event, type="volume.detached", is_public=True):
    """A volume was detached from its environment. Its files stay."""

    volume_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    environment: str
    at: datetime


class VolumeResized(Event, type="volume.resized", is_public=True):
    """A volume has a new size."""

    volume_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    size_mib: int
    at: datetime


class VolumeFilled(Event, type="volume.filled", is_public=True):
    """A volume is nearly full, or full.

    `percent`: 90 or 100. At 100, writes fail with ENOSPC.
    """

    volume_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    percent: int
    used_mib: int
    size_mib: int
    at: datetime


class VolumeMeasurementRequested(Event, type="volume.measurement-requested"):
    """What a volume holds is due to be measured."""

    volume_id: UUID
    application_id: UUID


class VolumeSnapshotRequested(Event, type="volume.snapshot-requested"):
    """A snapshot of a volume was requested."""

    snapshot_id: UUID
    volume_id: UUID
    application_id: UUID
    at: datetime


class VolumeSnapshotCreated(Event, type="volume.snapshot-created", is_public=True):
    """A snapshot of a volume is complete."""

    snapshot_id: UUID
    volume_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    at: datetime


class VolumeSnapshotDeleted(Event, type="volume.snapshot-deleted"):
    """A snapshot of a volume was deleted."""

    snapshot_id: UUID
    volume_id: UUID
    application_id: UUID
    at: datetime


class VolumeRestored(Event, type="volume.restored", is_public=True):
    """A volume has former files again, or its deletion was undone.

    `source`: the snapshot or the backup; null for a deletion that was undone.
    """

    volume_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    source: UUID | None
    at: datetime


class VolumeDeleted(Event, type="volume.deleted", is_public=True):
    """A volume was deleted.

    Its files are kept until `purge_at`, and it can be restored until then.
    """

    volume_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    purge_at: datetime
    at: datetime


class VolumePurgeRequested(Event, type="volume.purge-requested"):
    """The files of a deleted volume are due to be deleted."""

    volume_id: UUID
    application_id: UUID
