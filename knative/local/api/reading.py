"""get, list and watch, as objects or as a Table (`kubectl get`)."""

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
from knative.local.label_selectors import LabelTest
from knative.local.objects import Object
from knative.local.records import Entry, Record
from knative.local.store import Store, VersionExpired

BOOKMARK_SECONDS = 30.0
MAX_WATCH_SECONDS = 3600


@dataclass(frozen=True)
class Filter:
    """The objects that a list or watch selects."""

    namespace: str | None
    name: str
    labels: LabelTest
    fields: Callable[[Object], bool] | None

    @classmethod
    def from_request(cls, target: Target, request: Request) -> "Filter":
        query = request.query_params
        fields = query.get("fieldSelector")
        return cls(target.namespace, target.name, selectors.labels(query.get("labelSelector", "")), selectors.fields(fields) if fields else None)

    def matches(self, entry: Entry) -> bool:
        has_place = (self.namespace is None or entry.key[1] == self.namespace) and (not self.name or entry.key[2] == self.name)
        return has_place and self.labels(entry.labels) and (self.fields is None or self.fields(entry.object()))


class Reading:
    """The read operations. All raise StatusError. `closing` ends watches."""

    def __init__(self, store: Store, closing: asyncio.Event) -> None:
        self._store = store
        self._closing = closing

    def get(self, target: Target, request: Request) -> Object:
        object = self._store.find(target.definition.key, target.namespace, target.name)
        if object is None:
            raise not_found(target.definition, target.name)
        if tables.is_requested(request.headers.get("accept", "")):
            return self._table(target.definition, [object], request)
        return object

    def list(self, target: Target, request: Request) -> bytes:
        """Return the list as JSON: stored objects are copied into it as bytes."""
        entries = list(self.selected(target, request))
        if tables.is_requested(request.headers.get("accept", "")):
            return orjson.dumps(self._table(target.definition, (entry.object() for entry in entries), request))
        metadata = {"resourceVersion": str(self._store.version)}
        head = {"kind": f"{target.definition.kind}List", "apiVersion": target.definition.api_version, "metadata": metadata}
        return orjson.dumps(head)[:-1] + b',"items":[' + b",".join(entry.data for entry in entries) + b"]}"

    def selected(self, target: Target, request: Request) -> Iterator[Entry]:
        """Return the entries that a list selects."""
        filter = Filter.from_request(target, request)
        return (entry for entry in self._store.entries(target.definition.key, target.namespace) if filter.matches(entry))

    def watch(self, target: Target, request: Request) -> AsyncIterator[bytes]:
        """Return the lines of a watch. Raises StatusError (410) before the first line if the resourceVersion is too old."""
        query, kind, filter = request.query_params, target.definition.key, Filter.from_request(target, request)
        version, sends_initial = query.get("resourceVersion", ""), flag(query, "sendInitialEvents")
        if version and not version.isdigit():
            raise bad_request(f'invalid resourceVersion: "{version}"')
        starts_with_all = version in ("", "0") or sends_initial
        try:
            watch = (
                self._store.records(kind, [Record(entry.version, "ADDED", entry, None) for entry in self._store.entries(kind)]) if starts_with_all
                else self._store.since(kind, int(version))
            )  # fmt: skip
        except VersionExpired as error:
            raise expired(str(error)) from error
        seconds = min(number(query, "timeoutSeconds") or MAX_WATCH_SECONDS, MAX_WATCH_SECONDS)
        as_table = tables.is_requested(request.headers.get("accept", ""))
        initial_count = len(list(self._store.entries(kind))) if sends_initial else None

        def line(type: str, entry: Entry, headers: bool) -> bytes:
            data = entry.data
            if as_table:
                data = orjson.dumps(self._table(target.definition, [entry.object()], request, str(entry.version), headers))
            return b'{"type":"%s","object":%s}\n' % (type.encode(), data)

        async def lines() -> AsyncIterator[bytes]:
            loop, initial_left, headers = asyncio.get_running_loop(), initial_count, True
            end = loop.time() + seconds
            closing = asyncio.ensure_future(self._closing.wait())
            try:
                if initial_left == 0:
                    yield self._bookmark(target.definition, True)
                while (remaining := end - loop.time()) > 0:
                    record = await _next_record(watch.next(), closing, min(remaining, BOOKMARK_SECONDS))
                    if self._closing.is_set():
                        return
                    if record is None:
                        if flag(query, "allowWatchBookmarks"):
                            yield self._bookmark(target.definition, False)
                        continue
                    await self._store.durable()
                    if (type := _event_type(record, filter)) is not None:
                        yield line(type, record.entry, headers)
                        headers = False
                    if initial_left:
                        initial_left -= 1
                        if initial_left == 0:
                            yield self._bookmark(target.definition, True)
            finally:
                closing.cancel()

        return lines()

    def _bookmark(self, definition: Definition, ends_initial: bool) -> bytes:
        metadata: Object = {"resourceVersion": str(self._store.version), "creationTimestamp": None}
        if ends_initial:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        object = {"kind": definition.kind, "apiVersion": definition.api_version, "metadata": metadata}
        return orjson.dumps({"type": "BOOKMARK", "object": object}) + b"\n"

    def _table(self, definition: Definition, objects: "Objects", request: Request, version: str = "", headers: bool = True) -> Object:
        include = request.query_params.get("includeObject", "Metadata")
        return tables.table(definition, objects, version or str(self._store.version), include, headers)


Objects = Iterator[Object] | list[Object]


def _event_type(record: Record, filter: Filter) -> str | None:
    """Return the event type of a change for a filtered watch, None if it gets no event.

    An object that leaves the filter is DELETED for the watch, one that enters it ADDED.
    """
    matched_before = record.before is not None and filter.matches(record.before)
    if record.type == "DELETED":
        return "DELETED" if matched_before else None
    if filter.matches(record.entry):
        return record.type if matched_before or record.before is None else "ADDED"
    return "DELETED" if matched_before else None


async def _next_record(record: Coroutine[None, None, Record], closing: "asyncio.Future[Literal[True]]", seconds: float) -> Record | None:
    """Return the next record; None if there is none in time or the server closes."""
    task = asyncio.ensure_future(record)
    try:
        await asyncio.wait((task, closing), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
