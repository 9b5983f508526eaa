"""VolumeSnapshots: what a cluster's snapshot controller and CSI driver do.

A snapshot is a copy of the volume at one moment. Its writers wait until the copy is complete: no time where the file system below shares blocks
between files (XFS, Btrfs), about a second for each gigabyte that is used elsewhere.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from knative.local.controller import RequeueAfter
from knative.local.objects import Object, now
from knative.local.store import NotFound, Store
from knative.local.volumes.claims import CLAIM, RETRY_SECONDS, SNAPSHOT
from knative.local.volumes.images import VolumeImages


class Snapshots:
    kind = SNAPSHOT

    def __init__(self, store: Store, images: VolumeImages, reserve_bytes: int) -> None:
        self._store, self._images, self._reserve_bytes = store, images, reserve_bytes

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[tuple[str | None, str]]]]:
        return {}

    async def on_deleted(self, object: Object) -> None:
        await asyncio.to_thread(self._images.delete, object["metadata"]["uid"])

    async def reconcile(self, object: Object) -> None:
        metadata, status = object["metadata"], object.get("status") or {}
        uid = metadata["uid"]
        if status.get("readyToUse") and await asyncio.to_thread(self._images.exists, uid):
            return
        name = object["spec"]["source"]["persistentVolumeClaimName"]
        claim = self._store.find(CLAIM, metadata["namespace"], name)
        if claim is None or not await asyncio.to_thread(self._images.exists, claim["metadata"]["uid"]):
            self._fail(object, f'persistentvolumeclaim "{name}" not found or not bound')
        source = claim["metadata"]["uid"] if claim else ""
        if not await asyncio.to_thread(self._images.exists, uid):
            room = await asyncio.to_thread(self._images.room, self._reserve_bytes)
            if reason := room.refusal(await asyncio.to_thread(self._images.stored_bytes, source)):
                self._fail(object, reason)
            try:
                await asyncio.to_thread(self._images.copy, source, uid)
            except OSError as error:
                self._fail(object, f"the volume cannot be copied: {error.strerror or error}")
        size = await asyncio.to_thread(self._images.size_bytes, uid)
        self._write(
            object, {"readyToUse": True, "creationTime": now(), "restoreSize": str(size), "boundVolumeSnapshotContentName": f"snapcontent-{uid}"}
        )

    def _fail(self, object: Object, message: str) -> None:
        """Raises RequeueAfter."""
        status = {"readyToUse": False, "error": {"message": message, "time": now()}}
        before = (object.get("status") or {}).get("error") or {}
        if before.get("message") != message:
            self._write(object, status)
        raise RequeueAfter(RETRY_SECONDS, message)

    def _write(self, object: Object, status: dict[str, Any]) -> None:
        try:
            self._store.set_status(SNAPSHOT, object["metadata"]["namespace"], object["metadata"]["name"], status)
        except NotFound:  # deleted meanwhile: `on_deleted` follows
            return
