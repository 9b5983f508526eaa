"""Delete objects whose owners are deleted: Kubernetes' garbage collection over ownerReferences.

Background (the default): the owner is deleted at once, its children follow. Foreground: the owner is marked and waits
for its children. Orphan: the children lose the reference and stay.
"""

import asyncio
import logging

from knative.local.objects import Object, kind_of
from knative.local.store import Change, Store

log = logging.getLogger(__name__)

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
DELETION = b'"deletionTimestamp"'
"""In the JSON of an object that may be marked for deletion. One without it need not be parsed."""


class GarbageCollector:
    """A Runnable that follows every change of every kind."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._follow(), name="garbage collector")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        async for change in self._store.watch(None):
            try:
                self._collect(change)
            except Exception:
                log.exception("collecting the children of %s %s failed", change.kind, change.key[1])

    def _collect(self, change: Change) -> None:
        if change.type == "DELETED":
            self._collect_deleted(change.object)
            return
        has_dead_owner = any(not self._store.exists(uid) for uid in change.entry.owners)
        is_marked = DELETION in change.entry.data and "deletionTimestamp" in change.object["metadata"]
        if (has_dead_owner or is_marked) and (found := self._store.find(change.kind, *change.key)) is not None:
            (self._remove_dead_owners if has_dead_owner else self._terminate)(found)

    def _collect_deleted(self, object: Object) -> None:
        metadata = object["metadata"]
        for child in self._store.children(metadata["uid"]):
            self._remove_dead_owners(child)
        for reference in metadata.get("ownerReferences") or ():
            owner = self._store.find(kind_of(reference), metadata.get("namespace"), reference["name"])
            if owner is not None and owner["metadata"]["uid"] == reference["uid"]:
                self._terminate(owner)

    def _terminate(self, object: Object) -> None:
        metadata = object["metadata"]
        finalizers = metadata.get("finalizers") or []
        if "deletionTimestamp" not in metadata:
            return
        if ORPHAN in finalizers:
            for child in self._store.children(metadata["uid"]):
                _remove_owners(child, {metadata["uid"]})
                self._store.update(child)
            self._remove_finalizer(object, ORPHAN)
        elif FOREGROUND in finalizers:
            for child in self._store.children(metadata["uid"]):
                self._delete(child)
            if not self._store.children(metadata["uid"]):
                self._remove_finalizer(object, FOREGROUND)

    def _remove_dead_owners(self, child: Object) -> None:
        """Delete a child without living owners; else remove the dead ones from it."""
        owners = child["metadata"].get("ownerReferences") or []
        dead = {reference["uid"] for reference in owners if not self._store.exists(reference["uid"])}
        if dead and len(dead) == len(owners):
            self._delete(child)
        elif dead:
            _remove_owners(child, dead)
            self._store.update(child)

    def _delete(self, child: Object) -> None:
        metadata = child["metadata"]
        if "deletionTimestamp" not in metadata:
            self._store.delete(kind_of(child), metadata.get("namespace"), metadata["name"])

    def _remove_finalizer(self, object: Object, finalizer: str) -> None:
        object["metadata"]["finalizers"].remove(finalizer)
        self._store.update(object)


def _remove_owners(child: Object, owners: set[str]) -> None:
    metadata = child["metadata"]
    metadata["ownerReferences"] = [reference for reference in metadata["ownerReferences"] if reference["uid"] not in owners]
