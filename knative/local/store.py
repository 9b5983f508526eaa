"""A generic store of objects that treats all kinds alike.

Single-threaded on the event loop. An object is stored as its JSON bytes, so that every reader gets a copy and memory
stays small; only what it is found by (labels, owners) is kept beside it. Versions are one counter over all kinds, like
resourceVersion in etcd. Reconcilers use the store directly and are trusted: validation, defaults, quotas and roles
belong to the API (`api/`).
"""

import uuid
import weakref
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import orjson

from knative.local import managed
from knative.local.journal import Journal, Key
from knative.local.objects import Kinds, Object, kind_of, now
from knative.local.records import Entry, Record, Records, Watch

__all__ = ["AlreadyExists", "Change", "Conflict", "NotFound", "Object", "Store", "kind_of"]

Objects = list[Object]
Names = list[str]

RECENT_CHANGES = 2048
RECENT_BYTES = 2 << 20


class NotFound(Exception): ...


class AlreadyExists(Exception): ...


class Conflict(Exception): ...


class VersionExpired(Exception):
    """The changes since a version are no longer kept (410 Gone): the client must list again."""


class Change:
    """A change of an object, which is parsed when it is read: a start is a change of every object, and most readers need few of them."""

    __slots__ = ("_object", "entry", "type")

    def __init__(self, type: Literal["ADDED", "MODIFIED", "DELETED"], entry: Entry) -> None:
        self.type, self.entry = type, entry
        self._object: Object | None = None

    @property
    def object(self) -> Object:
        """The object after the change, or before its deletion. All readers of this change share it."""
        if self._object is None:
            self._object = self.entry.object()
        return self._object

    @property
    def kind(self) -> str:
        return self.entry.key[0]

    @property
    def key(self) -> tuple[str | None, str]:
        """Namespace (None: it has none) and name."""
        _, namespace, name = self.entry.key
        return namespace or None, name


class Store:
    def __init__(self, path: Path, kinds: Kinds) -> None:
        self._kinds = kinds
        self._journal = Journal(path)
        self._entries: dict[str, dict[tuple[str, str], Entry]] = {}
        self._names: dict[str, dict[str, set[str]]] = {}
        """Namespace → kind → names."""
        self._children: dict[str, set[Key]] = {}
        self._uids: set[str] = set()
        self._recent: deque[Record] = deque()
        self._recent_bytes = 0
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        self.version, rows = self._journal.load()
        self.oldest = self.version
        for key, data in rows:
            self._index(Entry.of(key, orjson.loads(data), data))

    # --- reading

    def find(self, kind: str, namespace: str | None, name: str) -> Object | None:
        entry = self._entries.get(kind, {}).get((namespace or "", name))
        return entry.object() if entry else None

    def get(self, kind: str, namespace: str | None, name: str) -> Object:
        return self._entry(kind, namespace, name).object()

    def list(self, kind: str, namespace: str | None = None, labels: Mapping[str, str] | None = None) -> Objects:
        """Return the objects of a kind that have all the labels, sorted by namespace and name.

        `namespace` None: in all namespaces.
        """
        required = (labels or {}).items()
        return [entry.object() for entry in self.entries(kind, namespace) if required <= entry.labels.items()]

    def entries(self, kind: str, namespace: str | None = None) -> Iterator[Entry]:
        """Return the stored objects of a kind without parsing them, sorted by namespace and name."""
        found = self._entries.get(kind, {})
        keys = sorted(found) if namespace is None else [(namespace, name) for name in sorted(self._names.get(namespace, {}).get(kind, ()))]
        return iter([found[key] for key in keys])

    def stored(self, object: Object) -> Entry:
        """Return how an object of the store is kept. Who keeps it instead of the object needs no memory for it. Raises NotFound."""
        return self._entry(*self._key(object))

    def kinds_in(self, namespace: str) -> Names:
        return list(self._names.get(namespace, ()))

    def children(self, uid: str) -> Objects:
        """Return the objects that name this uid among their owners."""
        return [self._entries[kind][(namespace, name)].object() for kind, namespace, name in sorted(self._children.get(uid, ()))]

    def exists(self, uid: str) -> bool:
        return uid in self._uids

    # --- writing

    def create(self, object: Object, *, dry: bool = False) -> Object:
        """Create an object and return it as stored. `dry`: validate only. Raises AlreadyExists."""
        made: Object = orjson.loads(orjson.dumps(object))
        kind, metadata = kind_of(made), made["metadata"]
        key = self._key(made)
        if key[1:] in self._entries.get(kind, {}):
            raise AlreadyExists(f"{kind} {metadata['name']} already exists")
        metadata["uid"], metadata["creationTimestamp"] = str(uuid.uuid4()), now()
        metadata.pop("deletionTimestamp", None)
        if self._kinds.has_generation(kind):
            metadata["generation"] = 1
        if self._kinds.has_status(kind):
            made.pop("status", None)
        return made if dry else self._put("ADDED", key, made)

    def update(self, object: Object, *, dry: bool = False) -> Object:
        """Replace an object except its status, and return it as stored.

        `dry`: validate only. Raises NotFound, Conflict.
        """
        made: Object = orjson.loads(orjson.dumps(object))
        kind, metadata = kind_of(made), made["metadata"]
        entry = self._entry(*(key := self._key(made)))
        old = entry.object()
        self._compare(entry, metadata)
        for fixed in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
            metadata.pop(fixed, None)
            if fixed in old["metadata"]:
                metadata[fixed] = old["metadata"][fixed]
        if self._kinds.has_status(kind):
            made.pop("status", None)
            if "status" in old:
                made["status"] = old["status"]
        metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
        if made == old:
            return old
        if self._kinds.has_generation(kind) and _without_status(made) != _without_status(old):
            metadata["generation"] = old["metadata"].get("generation", 0) + 1
        if dry:
            return made
        if "deletionTimestamp" in metadata and not finalizers(made):
            return self._remove(key, made)
        return self._put("MODIFIED", key, made)

    def set_status(self, kind: str, namespace: str | None, name: str, status: dict[str, Any]) -> Object:
        """Replace an object's status and return the object. Raises NotFound."""
        made = self._entry(kind, namespace, name).object()
        if made.get("status") == status:
            return made
        made["status"] = orjson.loads(orjson.dumps(status))
        return self._put("MODIFIED", self._key(made), made)

    def apply(self, object: Object, manager: str = "knative-local", force: bool = True) -> Object:
        """Apply an object (server-side apply, see `managed`).

        Raises managed.Conflicts when other managers own a field, unless forced.
        """
        kind, namespace, name = self._key(object)
        live = self.find(kind, namespace, name)
        made = managed.apply(live, object, manager, force, self._kinds.merge_schema(kind))
        return self.create(made) if live is None else self.update(made)

    def delete(self, kind: str, namespace: str | None, name: str) -> None:
        """Delete an object, or mark it until its last finalizer is removed.

        Idempotent for a marked object. Raises NotFound.
        """
        made = self._entry(kind, namespace, name).object()
        key = self._key(made)
        if not finalizers(made):
            self._remove(key, made)
        elif "deletionTimestamp" not in made["metadata"]:
            made["metadata"] |= {"deletionTimestamp": now(), "deletionGracePeriodSeconds": 0}
            self._put("MODIFIED", key, made)

    async def durable(self) -> None:
        """Return when everything written before is on disk. The API answers its clients after that."""
        await self._journal.durable()

    def close(self) -> None:
        self._journal.close()

    # --- watching

    def watch(self, kind: str | None) -> AsyncIterator[Change]:
        """Return ADDED for every existing object of a kind (None: of all kinds), then each change from this call on."""
        kinds = [kind] if kind is not None else list(self._entries)
        present = [Record(entry.version, "ADDED", entry, None) for each in kinds for entry in self.entries(each)]
        return _changes(self.records(kind, present))

    def records(self, kind: str | None, first: Records) -> "Watch":
        watch = Watch(kind, first)
        self._watches.add(watch)
        return watch

    def since(self, kind: str, version: int) -> "Watch":
        """Return the changes after a version, then each new one. Raises VersionExpired."""
        if version < self.oldest:
            raise VersionExpired(f"too old resource version: {version} ({self.oldest})")
        return self.records(kind, [record for record in self._recent if record.version > version and record.entry.key[0] == kind])

    # --- internal

    def _key(self, object: Object) -> Key:
        return kind_of(object), object["metadata"].get("namespace") or "", object["metadata"]["name"]

    def _entry(self, kind: str, namespace: str | None, name: str) -> Entry:
        entry = self._entries.get(kind, {}).get((namespace or "", name))
        if entry is None:
            raise NotFound(f"{kind} {name} not found" + (f" in namespace {namespace}" if namespace else ""))
        return entry

    def _compare(self, entry: Entry, metadata: Mapping[str, Any]) -> None:
        version, uid = metadata.get("resourceVersion"), metadata.get("uid")
        if version and str(version) != str(entry.version):
            raise Conflict("the object has been modified; please apply your changes to the latest version and try again")
        if uid and uid != entry.uid:
            raise Conflict(f"Precondition failed: UID in precondition: {uid}, UID in object meta: {entry.uid}")

    def _put(self, type: Literal["ADDED", "MODIFIED"], key: Key, object: Object) -> Object:
        self.version += 1
        object["metadata"]["resourceVersion"] = str(self.version)
        entry = Entry.of(key, object)
        before = self._entries.get(key[0], {}).get(key[1:])
        self._journal.write(key, entry.data, self.version)
        self._index(entry)
        self._remember(Record(self.version, type, entry, before))
        return object

    def _remove(self, key: Key, object: Object) -> Object:
        self.version += 1
        object["metadata"]["resourceVersion"] = str(self.version)
        self._journal.write(key, None, self.version)
        entry = self._entries[key[0]].pop(key[1:])
        self._remove_name(*key)
        self._uids.discard(entry.uid)
        self._remove_from_owners(entry)
        self._remember(Record(self.version, "DELETED", Entry.of(key, object), entry))
        return object

    def _index(self, entry: Entry) -> None:
        found = self._entries.setdefault(entry.key[0], {})
        if before := found.get(entry.key[1:]):
            self._remove_from_owners(before)
        found[entry.key[1:]] = entry
        kind, namespace, name = entry.key
        self._names.setdefault(namespace, {}).setdefault(kind, set()).add(name)
        self._uids.add(entry.uid)
        for uid in entry.owners:
            self._children.setdefault(uid, set()).add(entry.key)

    def _remove_name(self, kind: str, namespace: str, name: str) -> None:
        kinds = self._names[namespace]
        kinds[kind].discard(name)
        if not kinds[kind]:
            del kinds[kind]
        if not kinds:
            del self._names[namespace]

    def _remove_from_owners(self, entry: Entry) -> None:
        for uid in entry.owners:
            siblings = self._children[uid]
            siblings.discard(entry.key)
            if not siblings:
                del self._children[uid]

    def _remember(self, record: Record) -> None:
        self._recent.append(record)
        self._recent_bytes += len(record.entry.data)
        while len(self._recent) > RECENT_CHANGES or self._recent_bytes > RECENT_BYTES:
            expired = self._recent.popleft()
            self._recent_bytes -= len(expired.entry.data)
            self.oldest = expired.version
        for watch in list(self._watches):
            watch.put(record)


async def _changes(watch: Watch) -> AsyncIterator[Change]:
    while True:
        record = await watch.next()
        yield Change(record.type, record.entry)


def finalizers(object: Object) -> Names:
    """Return an object's finalizers. A Namespace has one in its spec."""
    found: Names = [*(object["metadata"].get("finalizers") or ())]
    if object["kind"] == "Namespace":
        found += object.get("spec", {}).get("finalizers") or ()
    return found


def _without_status(object: Object) -> Object:
    return {field: value for field, value in object.items() if field not in ("metadata", "status")}
