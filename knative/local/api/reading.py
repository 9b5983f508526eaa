"""get, list and watch, as objects or as a Table."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import orjson
from starlette.requests import Request

from knative.local.api import selectors, tables
from knative.local.api.status import bad_request, expired, not_found
from knative.local.api.target import Target, flag, number
from knative.local.definitions import Definition
from knative.local.objects import Object
from knative.local.records import Entry, Record
from knative.local.store import Gone, Store

BOOKMARK_SECONDS = 30.0
LONGEST_WATCH = 3600


@dataclass(frozen=True)
class Filter:
    """namespace, labels and fields of a list or watch"""

    namespace: str | None
    name: str
    labels: selectors.LabelTest
    fields: Callable[[Object], bool] | None

    @classmethod
    def of(cls, target: Target, request: Request) -> "Filter":
        query = request.query_params
        asked = query.get("fieldSelector")
        return cls(target.namespace, target.name, selectors.labels(query.get("labelSelector", "")), selectors.fields(asked) if asked else None)

    def takes(self, entry: Entry) -> bool:
        placed = (self.namespace is None or entry.key[1] == self.namespace) and (not self.name or entry.key[2] == self.name)
        return placed and self.labels(entry.labels) and (self.fields is None or self.fields(entry.object()))


class Reading:
    def __init__(self, store: Store, closing: asyncio.Event) -> None:
        self._store = store
        self._closing = closing

    def get(self, target: Target, request: Request) -> Object:
        found = self._store.find(target.definition.key, target.namespace, target.name)
        if found is None:
            raise not_found(target.definition, target.name)
        if tables.wanted(request.headers.get("accept", "")):
            return self._table(target.definition, [found], request)
        return found

    def list(self, target: Target, request: Request) -> bytes:
        wanted = Filter.of(target, request)
        entries = [entry for entry in self._store.entries(target.definition.key, target.namespace) if wanted.takes(entry)]
        if tables.wanted(request.headers.get("accept", "")):
            return orjson.dumps(self._table(target.definition, (entry.object() for entry in entries), request))
        metadata = {"resourceVersion": str(self._store.version)}
        head = {"kind": f"{target.definition.kind}List", "apiVersion": target.definition.api_version, "metadata": metadata}
        return orjson.dumps(head)[:-1] + b',"items":[' + b",".join(entry.data for entry in entries) + b"]}"

    def selected(self, target: Target, request: Request) -> Iterator[Entry]:
        wanted = Filter.of(target, request)
        return (entry for entry in self._store.entries(target.definition.key, target.namespace) if wanted.takes(entry))

    def watch(self, target: Target, request: Request) -> AsyncIterator[bytes]:
        """Refuses at once what is too old; the stream itself comes line by line."""
        query, kind, wanted = request.query_params, target.definition.key, Filter.of(target, request)
        version, initial = query.get("resourceVersion", ""), flag(query, "sendInitialEvents")
        if version and not version.isdigit():
            raise bad_request(f'invalid resourceVersion: "{version}"')
        first = version in ("", "0") or initial
        try:
            watch = (
                self._store.records(kind, [Record(entry.version, "ADDED", entry, None) for entry in self._store.entries(kind)]) if first
                else self._store.since(kind, int(version))
            )  # fmt: skip
        except Gone as gone:
            raise expired(str(gone)) from gone
        seconds = min(number(query, "timeoutSeconds") or LONGEST_WATCH, LONGEST_WATCH)
        as_table = tables.wanted(request.headers.get("accept", ""))
        present = len(list(self._store.entries(kind))) if initial else None

        def shown(type: str, entry: Entry, headers: bool) -> bytes:
            data = entry.data
            if as_table:
                data = orjson.dumps(self._table(target.definition, [entry.object()], request, str(entry.version), headers))
            return b'{"type":"%s","object":%s}\n' % (type.encode(), data)

        async def lines() -> AsyncIterator[bytes]:
            loop, left, headers = asyncio.get_running_loop(), present, True
            end = loop.time() + seconds
            closing = asyncio.ensure_future(self._closing.wait())
            try:
                if left == 0:
                    yield self._bookmark(target.definition, True)
                while (rest := end - loop.time()) > 0:
                    record = await _first(watch.next(), closing, min(rest, BOOKMARK_SECONDS))
                    if self._closing.is_set():
                        return
                    if record is None:
                        if flag(query, "allowWatchBookmarks"):
                            yield self._bookmark(target.definition, False)
                        continue
                    await self._store.durable()
                    if (type := _seen(record, wanted)) is not None:
                        yield shown(type, record.entry, headers)
                        headers = False
                    if left:
                        left -= 1
                        if left == 0:
                            yield self._bookmark(target.definition, True)
            finally:
                closing.cancel()

        return lines()

    def _bookmark(self, definition: Definition, initial: bool) -> bytes:
        metadata: Object = {"resourceVersion": str(self._store.version), "creationTimestamp": None}
        if initial:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        object = {"kind": definition.kind, "apiVersion": definition.api_version, "metadata": metadata}
        return orjson.dumps({"type": "BOOKMARK", "object": object}) + b"\n"

    def _table(self, definition: Definition, objects: "Objects", request: Request, version: str = "", headers: bool = True) -> Object:
        include = request.query_params.get("includeObject", "Metadata")
        return tables.table(definition, objects, version or str(self._store.version), include, headers)


Objects = Iterator[Object] | list[Object]


def _seen(record: Record, wanted: Filter) -> str | None:
    """What this watcher sees of a change: an object that leaves its selector is deleted to it, one that enters is added."""
    before = record.before is not None and wanted.takes(record.before)
    if record.type == "DELETED":
        return "DELETED" if before else None
    if wanted.takes(record.entry):
        return record.type if before or record.before is None else "ADDED"
    return "DELETED" if before else None


async def _first(coming: Coroutine[None, None, Record], closing: "asyncio.Future[Literal[True]]", seconds: float) -> Record | None:
    """The next record; None when there is none in time or the server closes."""
    task = asyncio.ensure_future(coming)
    try:
        await asyncio.wait((task, closing), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
