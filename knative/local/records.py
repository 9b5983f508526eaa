"""Stored objects, changes, and streams of changes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

import orjson

from knative.local.journal import Key
from knative.local.objects import Object


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored object."""

    key: Key
    data: bytes
    uid: str
    version: int
    labels: Mapping[str, str]
    owners: frozenset[str]

    @classmethod
    def of(cls, key: Key, object: Object) -> Self:
        metadata = object["metadata"]
        owners = frozenset(str(reference["uid"]) for reference in metadata.get("ownerReferences", ()))
        return cls(key, orjson.dumps(object), metadata["uid"], int(metadata["resourceVersion"]), metadata.get("labels") or {}, owners)

    def object(self) -> Object:
        found: Object = orjson.loads(self.data)
        return found


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
