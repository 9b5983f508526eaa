"""Rejections of volumes. The docstring of each is the title of its problem document (RFC 9457)."""

from typing import Self
from uuid import UUID

from functions.deploy.domain.rejections import InvalidFields
from functions.kernel import Conflict, FieldError, NotFound


class InvalidVolume(InvalidFields):
    """Invalid volume."""


class VolumeNotFound(NotFound):
    """Volume not found."""

    @classmethod
    def of(cls, volume_id: UUID) -> Self:
        return cls(f"This application has no volume {volume_id}. List them: capsule volumes list")


class SnapshotNotFound(NotFound):
    """Snapshot not found."""

    @classmethod
    def of(cls, snapshot_id: UUID) -> Self:
        return cls(f"This volume has no snapshot {snapshot_id}. List them: capsule volumes snapshots")


class VolumeNameTaken(Conflict):
    """The application has a volume of this name. Choose another."""

    @classmethod
    def of(cls, name: str) -> Self:
        return cls(
            f'This application has a volume "{name}", or has deleted one whose grace period has not ended. Choose another name.',
            errors=[FieldError("/name", "is taken")],
        )


class VolumeNotReady(Conflict):
    """The volume is not ready."""

    @classmethod
    def of(cls, name: str, state: str) -> Self:
        remedy = {
            "creating": "Wait until it is ready.",
            "failed": "Delete it and create it again.",
            "deleted": f"Restore it first: capsule volumes undelete {name}",
        }.get(state, "Its files are deleted.")
        return cls(f"{name} is {state}. {remedy}")


class VolumeNotDeleted(Conflict):
    """The volume is not deleted, or its grace period has ended."""

    @classmethod
    def of(cls, name: str, state: str) -> Self:
        detail = "The grace period has ended, and its files are being deleted." if state in ("purging", "purged", "deleted") else f"It is {state}."
        return cls(f"{name} cannot be restored. {detail}")


class VolumeIsAttached(Conflict):
    """The volume is attached to an environment. Detach it first."""

    @classmethod
    def of(cls, name: str, environment: str) -> Self:
        return cls(f"{name} is attached to {environment}. Detach it first: capsule volumes detach {name}")


class VolumeNotAttached(Conflict):
    """The volume is attached to no environment."""

    @classmethod
    def of(cls, name: str) -> Self:
        return cls(f"{name} is attached to no environment.")


class MountPathInUse(Conflict):
    """Another volume of the environment is mounted there. Choose another path."""

    @classmethod
    def of(cls, path: str, name: str, other: str) -> Self:
        return cls(f"{path} is, contains or lies in {other}, where {name} is mounted.", errors=[FieldError("/mountPath", "is in use")])


class TooManyVolumes(Conflict):
    """The application has as many volumes as it may have. Delete one first."""

    @classmethod
    def of(cls, application: str, limit: int) -> Self:
        return cls(f"{application} has {limit} volumes, the most it may have, including deleted ones in their grace period.")


class TooManySnapshots(Conflict):
    """The volume has as many snapshots as it may have. Delete one first."""

    @classmethod
    def of(cls, name: str, limit: int) -> Self:
        return cls(f"{name} has {limit} snapshots, the most it may have. Delete one: capsule volumes delete-snapshot")
