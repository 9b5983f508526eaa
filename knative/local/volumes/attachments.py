"""What pods mount of persistent volumes, and the lifetime of all volumes of this machine."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

from knative.local.objects import Object
from knative.local.sandbox.isolation import Abilities
from knative.local.serving.disk_pressure import reserve_from
from knative.local.serving.eviction import FileSystem
from knative.local.serving.pods.environment import MissingReference
from knative.local.store import Store
from knative.local.trash import Trash
from knative.local.volumes.claims import CLAIM, SNAPSHOT, Claims
from knative.local.volumes.images import VolumeImages
from knative.local.volumes.snapshots import Snapshots

NO_VOLUMES = (
    "this machine cannot have volumes: they need root, loop devices, mke2fs (e2fsprogs) and ID-mapped mounts (Linux 5.12), so that the kernel "
    "enforces their size and keeps them apart"
)


class Volumes:
    def __init__(self, store: Store, state: Path, trash: Trash) -> None:
        self._store = store
        self._images = VolumeImages(state / "volumes", trash)
        self._abilities: Abilities | None = None
        reserve_bytes = reserve_from(os.environ, FileSystem.at(state).total_bytes).begins_below_bytes
        claims = Claims(store, self._images, reserve_bytes, self.obstacle)
        self.reconcilers = (claims, Snapshots(store, self._images, reserve_bytes))

    def open(self, abilities: Abilities) -> None:
        """Take over what a previous run left. Blocking; before the first pod."""
        self._abilities = abilities
        self._images.open([each["metadata"]["uid"] for kind in (CLAIM, SNAPSHOT) for each in self._store.list(kind)])

    def close(self) -> None:
        """Unmount. Blocking; after the last pod."""
        self._images.close()

    def obstacle(self) -> str | None:
        """Return why this machine cannot have volumes; None when it can."""
        can = self._abilities is not None and self._abilities.has_disks and self._abilities.has_mapped_mounts
        return None if can else NO_VOLUMES

    async def attach(self, namespace: str, names: Iterable[str], owner: int) -> dict[str, Path]:
        """Return the folders to bind for the claims of a pod, by name. A claim belongs to the namespace of its pod.

        `owner`: the user inside the container. Raises MissingReference.
        """
        return {name: await asyncio.to_thread(self._attach, self._claim(namespace, name), owner) for name in names}

    def _claim(self, namespace: str, name: str) -> Object:
        claim = self._store.find(CLAIM, namespace, name)
        if claim is None:
            raise MissingReference(f'persistentvolumeclaim "{name}" not found')
        if (claim.get("status") or {}).get("phase") != "Bound":
            raise MissingReference(f'pod has unbound immediate PersistentVolumeClaims: "{name}"')
        return claim

    def _attach(self, claim: Object, owner: int) -> Path:
        if reason := self.obstacle():
            raise MissingReference(f"MountVolume.SetUp failed: {reason}")
        try:
            folder = self._images.mount(claim["metadata"]["uid"])
            self._images.give(claim["metadata"]["uid"], owner)
        except OSError as error:
            raise MissingReference(f'MountVolume.SetUp failed for claim "{claim["metadata"]["name"]}": {error.strerror or error}') from error
        return folder
