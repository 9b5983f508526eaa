"""Stored objects, changes, and streams of changes."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

import orjson

from knative.local.journal import Key
from knative.local.objects import Object


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored object. Thousands of them repeat kinds, names, labels and uids, so each of these texts is in memory once (`sys.intern`)."""

    key: Key
    data: bytes
    uid: str
    version: int
    labels: Mapping[str, str]
    owners: tuple[str, ...]
    """Their uids, each once."""

    @classmethod
    def of(cls, key: Key, object: Object, data: bytes = b"") -> Self:
        """`data`: the object's JSON, if it is known."""
        kind, namespace, name = map(sys.intern, key)
        metadata, text = object["metadata"], sys.intern
        labels = interned(metadata.get("labels") or {})
        owners = tuple(text(uid) for uid in {str(reference["uid"]): None for reference in metadata.get("ownerReferences", ())})
        data = data or orjson.dumps(object)
        return cls((kind, namespace, name), data, text(metadata["uid"]), int(metadata["resourceVersion"]), labels, owners)

    def object(self) -> Object:
        found: Object = orjson.loads(self.data)
        return found


def interned(labels: Mapping[str, str]) -> dict[str, str]:
    """Return a copy with texts that are in memory once."""
    return {sys.intern(label): sys.intern(value) for label, value in labels.items()}


@dataclass(frozen=True, slots=True)
class Record:
    """A change, with the object before it: a modification may make an object leave a selector."""

    version: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    entry: Entry
    before: Entry | None


Records = list[Record]


class Watch:
    """A stream of records for one reader. The store holds it weakly, so it ends when the reader drops it."""

    def __init__(self, kind: str | None, first: Records) -> None:
        self._kind = kind
        self._records = asyncio.Queue[Record]()
        for record in first:
            self._records.put_nowait(record)

    def put(self, record: Record) -> None:
        if self._kind is None or record.entry.key[0] == self._kind:
            self._records.put_nowait(record)

    async def next(self) -> Record:
        return await self._records.get()
