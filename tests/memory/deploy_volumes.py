"""Volumes in memory, and a storage that has only sizes."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.turns import offset_of_turn
from functions.deploy.domain.volume import Volume, VolumeState
from functions.deploy.domain.volume_manifests import VOLUME
from functions.deploy.domain.volume_readings import ClaimReading, read_claim
from functions.deploy.domain.volume_rejections import SnapshotNotFound, VolumeNameTaken, VolumeNotFound
from functions.deploy.domain.volume_snapshot import SnapshotState, VolumeSnapshot
from functions.deploy.ports import ClusterRefused


class MemoryVolumes:
    def __init__(self) -> None:
        self.rows: dict[UUID, Volume] = {}

    async def add(self, volume: Volume) -> None:
        if any(each.name == volume.name for each in await self.list_of(volume.application_id)):
            raise VolumeNameTaken.of(volume.name)
        self.rows[volume.id] = deepcopy(volume)

    async def get(self, application_id: UUID, volume_id: UUID) -> Volume:
        found = self.rows.get(volume_id)
        if found is None or found.application_id != application_id or found.state is VolumeState.PURGED:
            raise VolumeNotFound.of(volume_id)
        return deepcopy(found)

    async def find(self, volume_id: UUID) -> Volume | None:
        return deepcopy(self.rows.get(volume_id))

    async def lock(self, application_id: UUID, volume_id: UUID) -> Volume:
        return await self.get(application_id, volume_id)

    async def lock_any(self, volume_id: UUID) -> Volume | None:
        return await self.find(volume_id)

    async def save(self, volume: Volume) -> None:
        self.rows[volume.id] = deepcopy(volume)

    async def list_of(self, application_id: UUID) -> Sequence[Volume]:
        found = [each for each in self.rows.values() if each.application_id == application_id and each.state is not VolumeState.PURGED]
        return deepcopy(sorted(found, key=lambda each: each.name))

    async def list_stored(self, limit: int, turn: int) -> Sequence[Volume]:
        found = sorted((each for each in self.rows.values() if each.state is VolumeState.READY), key=lambda each: each.id)
        offset = offset_of_turn(len(found), limit, turn)
        return deepcopy(found[offset : offset + limit])

    async def list_due(self, before: datetime, limit: int) -> Sequence[Volume]:
        states = (VolumeState.DELETED, VolumeState.PURGING)
        return deepcopy([each for each in self.rows.values() if each.state in states and each.purge_at and each.purge_at < before][:limit])


class MemoryVolumeSnapshots:
    def __init__(self) -> None:
        self.rows: dict[UUID, VolumeSnapshot] = {}

    async def save(self, snapshot: VolumeSnapshot) -> None:
        self.rows[snapshot.id] = deepcopy(snapshot)

    async def get(self, volume: Volume, snapshot_id: UUID) -> VolumeSnapshot:
        found = self.rows.get(snapshot_id)
        if found is None or found.volume_id != volume.id or found.state is SnapshotState.DELETING:
            raise SnapshotNotFound.of(snapshot_id)
        return deepcopy(found)

    async def find(self, snapshot_id: UUID) -> VolumeSnapshot | None:
        return deepcopy(self.rows.get(snapshot_id))

    async def list_of(self, volume_id: UUID) -> Sequence[VolumeSnapshot]:
        found = [each for each in self.rows.values() if each.volume_id == volume_id and each.state is not SnapshotState.DELETING]
        return deepcopy(sorted(found, key=lambda each: each.id, reverse=True))

    async def delete(self, snapshot_id: UUID) -> None:
        self.rows.pop(snapshot_id, None)


@dataclass
class MemoryVolumeStorage:
    """As a cluster, it keeps a claim that it cannot provide, and the source of a claim is immutable.

    `refusal`: why it provides nothing more. `used_bytes`: of every claim."""

    claims: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    snapshots: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    refusal: str | None = None
    used_bytes: int = 0

    async def provide(self, claim: Manifest) -> ClaimReading:
        requested = read_claim(claim)
        if (present := self.claims.get(_key(claim))) and present["spec"].get("dataSource") != claim["spec"].get("dataSource"):
            raise ClusterRefused("spec is immutable after creation")
        self.claims[_key(claim)] = claim
        if self.refusal is not None:
            return ClaimReading(False, requested.requested_bytes, 0, self.refusal)
        return ClaimReading(True, requested.requested_bytes, requested.requested_bytes, used_bytes=self.used_bytes)

    async def delete_claims(self, namespace: str, volume_id: UUID, except_for: Sequence[str] = ()) -> None:
        for (place, name), claim in list(self.claims.items()):
            if place == namespace and name not in except_for and claim["metadata"]["labels"][VOLUME] == str(volume_id):
                del self.claims[place, name]

    async def read(self, namespace: str, claim: str) -> ClaimReading | None:
        found = self.claims.get((namespace, claim))
        return await self.provide(found) if found is not None else None

    async def take(self, snapshot: Manifest) -> str | None:
        if self.refusal is None:
            self.snapshots[_key(snapshot)] = snapshot
        return self.refusal

    async def delete_snapshot(self, namespace: str, name: str) -> None:
        self.snapshots.pop((namespace, name), None)


def _key(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]
