"""A volume of an application: files that outlive instances, releases and environments' restarts, of a limited size.

It is attached to processes of one environment at a time. A deleted volume keeps its files for `GRACE`.

States: creating → ready or failed; any of them → deleted → purging → purged. `deleted` returns to ready by `undelete`.

`generation` counts its claims on the cluster: a claim is never filled with other files, so a restore makes a new claim, which processes get
with their next instances, and the former one is deleted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from events.volumes import (
    VolumeAttached,
    VolumeCreated,
    VolumeDeleted,
    VolumeDetached,
    VolumeFilled,
    VolumeMeasurementRequested,
    VolumePurgeRequested,
    VolumeRefreshRequested,
    VolumeResized,
    VolumeRestored,
)
from functions.deploy.domain.application import Application
from functions.deploy.domain.names import name_errors
from functions.deploy.domain.operation import OperationKind
from functions.deploy.domain.volume_rejections import (
    InvalidVolume,
    MountPathInUse,
    VolumeIsAttached,
    VolumeNotAttached,
    VolumeNotDeleted,
    VolumeNotReady,
)
from functions.deploy.domain.volume_rules import overlap, path_errors, process_errors, size_errors
from functions.kernel import Events, FieldError, after, new_id

MAX_VOLUMES = 10
"""Of one application, deleted ones included until they are purged."""
GRACE = timedelta(days=7)
FORMER_KEPT = timedelta(hours=1)
"""How long the claim from before a restore stays: instances that still answer requests have it."""
FULL_PERCENT, WARNING_PERCENT, CALM_PERCENT = 99, 90, 85
"""A file system counts as full before its last block; a warning is given again after the use was below CALM_PERCENT."""


class VolumeState(StrEnum):
    CREATING = "creating"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"
    PURGING = "purging"
    PURGED = "purged"


@dataclass(slots=True)
class Volume:
    id: UUID
    application_id: UUID
    name: str
    size_mib: int
    requested_at: datetime
    state: VolumeState = VolumeState.CREATING
    generation: int = 1
    snapshot_id: UUID | None = None
    """What its present claim was filled with."""
    restoring_snapshot_id: UUID | None = None
    """What its next claim is being filled with. The present one serves until then, and stays if that fails."""
    requested_size_mib: int | None = None
    """What it is to have. With an `error`: what it could not get. None: no change of its size is open."""
    error: str | None = None
    """Why it was not created, or does not have the requested size."""
    ready_at: datetime | None = None
    environment: str | None = None
    processes: list[str] = field(default_factory=list)
    """Process types that have it; empty: all, with one-off commands and schedules."""
    mount_path: str | None = None
    attached_at: datetime | None = None
    used_bytes: int | None = None
    """None: not measured yet, or the cluster does not say."""
    measured_at: datetime | None = None
    warned_percent: int = 0
    """The percentage of the last warning: 0, 90 or 100."""
    deleted_at: datetime | None = None
    purge_at: datetime | None = None

    @classmethod
    def request(cls, application: Application, name: str, size_mib: int, at: datetime, snapshot_id: UUID | None = None) -> tuple[Self, Events]:
        """Raises InvalidVolume."""
        if errors := [*name_errors(name), *size_errors(size_mib)]:
            raise InvalidVolume.of(errors)
        volume = cls(new_id(), application.id, name, size_mib, at, snapshot_id=snapshot_id)
        return volume, (volume.refresh_event(OperationKind.VOLUME_CREATION, at),)

    @property
    def claim(self) -> str:
        """Name of its PersistentVolumeClaim."""
        return f"volume-{self.id.hex[-12:]}-{self.generation}"

    @property
    def claims(self) -> list[str]:
        """Names of its present claim and of former ones, which may still exist."""
        return [f"volume-{self.id.hex[-12:]}-{generation + 1}" for generation in range(self.generation)]

    @property
    def is_deleted(self) -> bool:
        return self.state in (VolumeState.DELETED, VolumeState.PURGING, VolumeState.PURGED)

    @property
    def is_attached(self) -> bool:
        return self.environment is not None

    def serves(self, environment: str, process: str) -> bool:
        """Whether a process of an environment has it. `process`: a process type, `run` or `cron`."""
        return self.environment == environment and not self.is_deleted and (not self.processes or process in self.processes)

    def require_ready(self) -> None:
        """Raises VolumeNotReady."""
        if self.state is not VolumeState.READY:
            raise VolumeNotReady.of(self.name, self.state)

    def require_no_restore(self) -> None:
        """Raises VolumeNotReady while a snapshot replaces its files."""
        if self.restoring_snapshot_id is not None:
            raise VolumeNotReady(f"A snapshot is being restored into {self.name}. Wait until it has ended: capsule volumes show {self.name}")

    def refresh_event(self, operation: OperationKind | None, at: datetime) -> VolumeRefreshRequested:
        return VolumeRefreshRequested(volume_id=self.id, application_id=self.application_id, operation=operation or "", at=at)

    def complete(self, owner: UUID, at: datetime) -> Events:
        """Record that its claim exists. Idempotent."""
        if self.state not in (VolumeState.CREATING, VolumeState.FAILED):
            return ()
        self.state, self.error, self.ready_at = VolumeState.READY, None, at
        return (VolumeCreated(**self._facts(owner), size_mib=self.size_mib, at=at),)

    def fail(self, operation: str, error: str) -> None:
        """A restore that failed leaves the files that it was to replace, and a change of its size the size that it had."""
        if self.state is VolumeState.CREATING:
            self.state, self.error = VolumeState.FAILED, error[:500]
        if operation == OperationKind.VOLUME_RESIZE and self.requested_size_mib is not None:
            self.error = error[:500]
        if operation == OperationKind.VOLUME_RESTORE:
            self.restoring_snapshot_id = None

    def attach(self, environment: str, path: str, processes: Sequence[str], others: Iterable["Volume"], owner: UUID, at: datetime) -> Events:
        """`others`: volumes of the application. Idempotent. Raises VolumeNotReady, InvalidVolume, VolumeIsAttached, MountPathInUse."""
        self.require_ready()
        if errors := [*path_errors(path), *process_errors(processes)]:
            raise InvalidVolume.of(errors)
        requested = sorted(set(processes))
        if (self.environment, self.mount_path, self.processes) == (environment, path, requested):
            return ()
        if self.environment is not None and self.environment != environment:
            raise VolumeIsAttached.of(self.name, self.environment)
        for each in others:
            if each.id != self.id and each.environment == environment and each.mount_path and overlap(each.mount_path, path):
                raise MountPathInUse.of(path, each.name, each.mount_path)
        self.environment, self.mount_path, self.processes, self.attached_at = environment, path, requested, at
        return (VolumeAttached(**self._facts(owner), environment=environment, mount_path=path, processes=requested, at=at),)

    def detach(self, owner: UUID, at: datetime) -> Events:
        """Raises VolumeNotAttached."""
        if self.environment is None:
            raise VolumeNotAttached.of(self.name)
        environment = self.environment
        self.environment, self.mount_path, self.processes, self.attached_at = None, None, [], None
        return (VolumeDetached(**self._facts(owner), environment=environment, at=at),)

    def resize(self, size_mib: int, at: datetime) -> Events:
        """Volumes grow and never shrink. Raises VolumeNotReady, also while another change is in progress, and InvalidVolume."""
        self.require_ready()
        self.require_no_restore()
        self.require_no_resize()
        errors = size_errors(size_mib)
        if size_mib < self.size_mib:
            errors.append(FieldError("/sizeMib", f"size: {self.name} has {self.size_mib} MiB, and volumes do not shrink"))
        if errors:
            raise InvalidVolume.of(errors)
        self.requested_size_mib, self.error = size_mib, None
        return (self.refresh_event(OperationKind.VOLUME_RESIZE, at),)

    def complete_resize(self, owner: UUID, at: datetime) -> Events:
        """Record that it has the requested size. Idempotent."""
        if self.requested_size_mib is None:
            return ()
        self.size_mib, self.requested_size_mib, self.error = self.requested_size_mib, None, None
        return (VolumeResized(**self._facts(owner), size_mib=self.size_mib, at=at),)

    def has_grown(self, capacity_bytes: int) -> bool:
        """Whether the cluster has finished a change of the size after it had failed for Capsule: clusters go on with it."""
        return self.error is not None and self.requested_size_mib is not None and capacity_bytes >= self.requested_size_mib << 20

    @property
    def claimed_mib(self) -> int:
        """What its claim on the cluster requests. A claim never requests less than before, so a failed change of its size stays in it."""
        return max(self.size_mib, self.requested_size_mib or 0)

    def require_no_resize(self) -> None:
        """Raises VolumeNotReady."""
        if self.requested_size_mib is not None and self.error is None:
            raise VolumeNotReady(f"{self.name} is growing to {self.requested_size_mib} MiB. Wait until that has ended.")

    def restore(self, snapshot_id: UUID, at: datetime) -> Events:
        """Begin a claim with the files of a snapshot, beside the present one. Raises VolumeNotReady."""
        self.require_ready()
        self.require_no_restore()
        self.require_no_resize()
        self.restoring_snapshot_id = snapshot_id
        return (self.refresh_event(OperationKind.VOLUME_RESTORE, at),)

    def switch_to_restored(self) -> None:
        """Make the claim with the files of the snapshot the present one. Idempotent."""
        if self.restoring_snapshot_id is not None:
            self.generation, self.snapshot_id, self.restoring_snapshot_id = self.generation + 1, self.restoring_snapshot_id, None
            self.requested_size_mib, self.error = None, None  # the next claim never requested another size

    def restored(self, owner: UUID, at: datetime) -> Events:
        return VolumeRestored(**self._facts(owner), source=self.snapshot_id, at=at), after(FORMER_KEPT, self.refresh_event(None, at))

    def measurement_request(self) -> VolumeMeasurementRequested:
        return VolumeMeasurementRequested(volume_id=self.id, application_id=self.application_id)

    def measure(self, used_bytes: int, capacity_bytes: int, owner: UUID, at: datetime) -> Events:
        """Record what it holds. Warns once at 90 % and once when it is full."""
        self.used_bytes, self.measured_at = used_bytes, at
        percent = used_bytes * 100 // max(capacity_bytes, 1)
        reached = 100 if percent >= FULL_PERCENT else 90 if percent >= WARNING_PERCENT else 0
        if reached > self.warned_percent:
            self.warned_percent = reached
            used_mib = used_bytes // 2**20
            return (VolumeFilled(**self._facts(owner), percent=reached, used_mib=used_mib, size_mib=self.size_mib, at=at),)
        if percent < CALM_PERCENT:
            self.warned_percent = 0
        return ()

    def delete(self, owner: UUID, at: datetime) -> Events:
        """Start the grace period. What has no files has none. Idempotent. Raises VolumeIsAttached."""
        if self.is_deleted:
            return ()
        if self.environment is not None:
            raise VolumeIsAttached.of(self.name, self.environment)
        keeps_files, self.restoring_snapshot_id = self.state is VolumeState.READY, None
        self.state, self.deleted_at, self.purge_at = VolumeState.DELETED, at, at + GRACE if keeps_files else at
        deleted = VolumeDeleted(**self._facts(owner), purge_at=self.purge_at, at=at)
        return deleted, after(GRACE, self.purge_request()) if keeps_files else self.purge_request()

    def delete_with_application(self, owner: UUID, at: datetime) -> Events:
        """Its files are in the application's namespace on the cluster, so they have no grace period."""
        if self.state is VolumeState.PURGED:
            return ()
        self.environment, self.mount_path, self.processes, self.attached_at = None, None, [], None
        was_deleted = self.is_deleted
        self.state, self.deleted_at, self.purge_at = VolumeState.PURGED, self.deleted_at or at, at
        return () if was_deleted else (VolumeDeleted(**self._facts(owner), purge_at=at, at=at),)

    def purge_request(self) -> VolumePurgeRequested:
        return VolumePurgeRequested(volume_id=self.id, application_id=self.application_id)

    def undelete(self, owner: UUID, at: datetime) -> Events:
        """Raises VolumeNotDeleted, also after the grace period."""
        if self.state is not VolumeState.DELETED or self.purge_at is None or self.purge_at <= at or self.ready_at is None:
            raise VolumeNotDeleted.of(self.name, self.state)
        self.state, self.deleted_at, self.purge_at = VolumeState.READY, None, None
        return (VolumeRestored(**self._facts(owner), source=None, at=at),)

    def begin_purge(self, at: datetime) -> bool:
        """Claim the deletion of its files: no `undelete` succeeds from then on. Returns False before the end of the grace period."""
        if self.state is VolumeState.PURGING:
            return True
        if self.state is not VolumeState.DELETED or self.purge_at is None or self.purge_at > at:
            return False
        self.state = VolumeState.PURGING
        return True

    def complete_purge(self) -> None:
        self.state = VolumeState.PURGED

    def _facts(self, owner: UUID) -> dict[str, UUID | str]:
        return {"volume_id": self.id, "application_id": self.application_id, "user_id": owner, "name": self.name}
