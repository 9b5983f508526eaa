"""PersistentVolumeClaims: what a cluster's provisioner and its resizer do.

A claim is Bound when its volume exists, and has the size of `status.capacity`. One that cannot be provisioned stays Pending, with the reason in the
condition ProvisioningFailed (a cluster reports it as an Event of this name). A claim with a `dataSource` begins as a copy of that snapshot.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from knative.local.controller import RequeueAfter
from knative.local.objects import Object, now
from knative.local.quantities import parse_quantity
from knative.local.serving.conditions import Condition, condition_entries
from knative.local.store import NotFound, Store
from knative.local.volumes.images import VolumeImages

CLAIM = "PersistentVolumeClaim"
SNAPSHOT = "VolumeSnapshot.snapshot.storage.k8s.io"
USED_BYTES = "capsule.dev/used-bytes"
"""Annotation of a claim's status: what the file system has used. On a cluster the kubelet has this figure (kubelet_volume_stats_used_bytes)."""
RETRY_SECONDS = 10.0
MEASURE_SECONDS = 15.0
MIN_CHANGE = 200
"""Used bytes are reported when they change by a 200th of the capacity: each report is a write."""


class ProvisioningFailed(Exception):
    """The message says why, in words for the volume's owner."""


class Claims:
    kind = CLAIM

    def __init__(self, store: Store, images: VolumeImages, reserve_bytes: int, obstacle: Callable[[], str | None]) -> None:
        """`obstacle` returns why this machine cannot have volumes at all; None when it can."""
        self._store, self._images, self._reserve_bytes, self._obstacle = store, images, reserve_bytes, obstacle
        self._room = asyncio.Lock()
        """What is promised to one claim is not promised to another at the same time."""

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[tuple[str | None, str]]]]:
        def restored_from(snapshot: Object) -> Iterable[tuple[str | None, str]]:
            namespace, name = snapshot["metadata"]["namespace"], snapshot["metadata"]["name"]
            return [(namespace, each["metadata"]["name"]) for each in self._store.list(CLAIM, namespace) if _source_of(each) == name]

        return {SNAPSHOT: restored_from}

    async def on_deleted(self, object: Object) -> None:
        await asyncio.to_thread(self._images.delete, object["metadata"]["uid"])

    async def reconcile(self, object: Object) -> None:
        uid, requested_bytes = object["metadata"]["uid"], _requested_bytes(object)
        try:
            await self._provide(object, uid, requested_bytes)
        except ProvisioningFailed as failed:
            self._write(object, Condition("True", "ProvisioningFailed", str(failed)))
            raise RequeueAfter(RETRY_SECONDS, str(failed)) from failed
        self._write(object, None)
        raise RequeueAfter(MEASURE_SECONDS, "measure")

    async def _provide(self, object: Object, uid: str, requested_bytes: int) -> None:
        """Create or grow the volume. Raises ProvisioningFailed."""
        async with self._room:
            exists = await asyncio.to_thread(self._images.exists, uid)
            size_bytes = await asyncio.to_thread(self._images.size_bytes, uid) if exists else 0
            if exists and size_bytes >= requested_bytes and _capacity_bytes(object) >= requested_bytes:
                return
            if reason := self._obstacle():
                raise ProvisioningFailed(reason)
            if size_bytes < requested_bytes:
                room = await asyncio.to_thread(self._images.room, self._reserve_bytes)
                if reason := room.refusal(requested_bytes - size_bytes):
                    raise ProvisioningFailed(reason)
            try:
                if not exists and (name := _source_of(object)):
                    await asyncio.to_thread(self._images.copy, self._snapshot(object, name), uid)
                elif not exists:
                    await asyncio.to_thread(self._images.create, uid, requested_bytes)
                if await asyncio.to_thread(self._images.size_bytes, uid) < requested_bytes or exists:
                    await asyncio.to_thread(self._images.grow, uid, requested_bytes)
            except OSError as error:
                raise ProvisioningFailed(f"the volume cannot be created or grown: {error.strerror or error}") from error

    def _snapshot(self, object: Object, name: str) -> str:
        """Return the uid of a snapshot that is ready. Raises ProvisioningFailed."""
        snapshot = self._store.find(SNAPSHOT, object["metadata"]["namespace"], name)
        if snapshot is None:
            raise ProvisioningFailed(f'volumesnapshot "{name}" not found')
        if not (snapshot.get("status") or {}).get("readyToUse"):
            raise ProvisioningFailed(f'volumesnapshot "{name}" is not ready to use')
        return str(snapshot["metadata"]["uid"])

    def _write(self, object: Object, failure: Condition | None) -> None:
        """Write the status, if it changes."""
        metadata, before = object["metadata"], object.get("status") or {}
        uid, conditions = metadata["uid"], {} if failure is None else {"ProvisioningFailed": failure}
        status: dict[str, Any] = {"phase": "Pending"}
        if self._images.exists(uid):
            status = {"phase": "Bound", "accessModes": object["spec"]["accessModes"]}
            status["capacity"] = {"storage": str(self._images.size_bytes(uid) if failure is None else _capacity_bytes(object))}
            if usage := self._images.usage(uid):
                former = int((before.get("annotations") or {}).get(USED_BYTES, "-1"))
                has_changed = former < 0 or abs(former - usage.used_bytes) >= usage.capacity_bytes // MIN_CHANGE
                status["annotations"] = {USED_BYTES: str(usage.used_bytes if has_changed else former)}
            elif before.get("annotations"):
                status["annotations"] = before["annotations"]
        if entries := condition_entries(conditions, before.get("conditions") or [], now()):
            status["conditions"] = entries
        if status != before:
            try:
                self._store.set_status(CLAIM, metadata["namespace"], metadata["name"], status)
            except NotFound:  # deleted meanwhile: `on_deleted` follows
                return


def _requested_bytes(claim: Object) -> int:
    return int(parse_quantity(claim["spec"]["resources"]["requests"]["storage"]))


def _capacity_bytes(claim: Object) -> int:
    return int(parse_quantity(((claim.get("status") or {}).get("capacity") or {}).get("storage", "0")))


def _source_of(claim: Object) -> str | None:
    """Return the name of the snapshot that a claim is a copy of."""
    source = claim["spec"].get("dataSource") or {}
    return source.get("name") if source.get("kind") == "VolumeSnapshot" else None
