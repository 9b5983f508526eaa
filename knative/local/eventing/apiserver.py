"""ApiServerSources: changes of Kubernetes objects as events, so that functions learn of a finished Job without polling.

As in Knative's adapter, objects that exist when the source starts produce no events, only later changes do. An object
that enters the label selector is reported as added, one that leaves it as deleted. The events of a source are sent in
order, one at a time, each with five retries. Changes while this process is down produce no events: receivers must read
the current state at times.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from functions.wire import knative_events as events
from functions.wire.knative_events import Event, MalformedEvent
from knative.local import label_selectors
from knative.local.controller import Key
from knative.local.eventing.conditions import NO_OIDC, TRUE, UNKNOWN, condition_list, false
from knative.local.eventing.references import References, key_of
from knative.local.eventing.sinks import BROKER, SERVICE, Address, SinkNotFound, Sinks
from knative.local.eventing.source_delivery import deliver
from knative.local.objects import Object, kind_of, reference_kind
from knative.local.store import Change, Store

log = logging.getLogger(__name__)

VERBS = {"ADDED": "add", "MODIFIED": "update", "DELETED": "delete"}
NAMESPACE = "Namespace"
SOURCE = "https://kubernetes.default.svc:443"
"""As upstream: the API server's address inside the cluster."""
MAX_QUEUED_EVENTS = 10_000


def plural(kind: str) -> str:
    """Guess the resource name of a kind as meta.UnsafeGuessKindToResource: it is part of the events' subject."""
    name = kind.lower()
    if name.endswith("s"):
        return name + "es"
    return name[:-1] + "ies" if name.endswith("y") else name + "s"


def event_of(source: str, mode: str, verb: str, object: Object, extensions: Mapping[str, str]) -> Event:
    """Return the event of a change. `mode`: Reference (its data names the object) or Resource (its data is the object)."""
    metadata, api = object["metadata"], object["apiVersion"]
    namespace = metadata.get("namespace", "")
    is_reference = mode == "Reference"
    group_version = f"{api}/versionUnknown" if "." in api and "/" not in api else api
    event = Event(
        {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "type": f"dev.knative.apiserver.{'ref' if is_reference else 'resource'}.{verb}",
            "source": source,
            "subject": f"/apis/{group_version}/namespaces/{namespace}/{plural(object['kind'])}/{metadata['name']}",
            "time": events.now(),
            "datacontenttype": "application/json",
        },
        {"kind": object["kind"], "apiversion": api, "name": metadata["name"], "namespace": namespace},
    )
    for name, value in extensions.items():
        events.set_attribute(event, name, value)
    reference = {"kind": object["kind"], "namespace": namespace, "name": metadata["name"], "apiVersion": api}
    event.data = orjson.dumps({field: value for field, value in reference.items() if value} if is_reference else object)
    return event


@dataclass
class Watch:
    """A running source."""

    spec: Mapping[str, Any]
    address: Address
    name: str
    namespace: str
    since: int
    """The store's version at its start: only later changes are reported."""
    queued: asyncio.Queue[Event] = field(default_factory=lambda: asyncio.Queue(MAX_QUEUED_EVENTS))
    task: asyncio.Task[None] | None = None
    selected_uids: set[str] = field(default_factory=set)
    """The objects that its selectors matched at their last change."""

    def resource(self, object: Object) -> Mapping[str, Any] | None:
        """Return the entry of `spec.resources` for the object's kind."""
        resources: list[Mapping[str, Any]] = self.spec["resources"]
        kind = (object["kind"], object["apiVersion"])
        return next((resource for resource in resources if (resource["kind"], resource["apiVersion"]) == kind), None)


class ApiServerSources:
    """Reconciler and Runnable: one watch over the whole store for all sources."""

    kind = "ApiServerSource.sources.knative.dev"

    def __init__(self, store: Store, sinks: Sinks) -> None:
        self._store = store
        self._sinks = sinks
        self._watches: dict[Key, Watch] = {}
        self._references = References()
        self._task: asyncio.Task[None] | None = None

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {kind: self._references.referrers(kind) for kind in (SERVICE, BROKER)}

    async def start(self) -> None:
        self._task = asyncio.create_task(self._handle_changes(self._store.watch(None)), name="apiserver sources")

    async def stop(self) -> None:
        tasks = [task for task in (self._task, *(watch.task for watch in self._watches.values())) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def on_deleted(self, object: Object) -> None:
        self._references.remove(object)
        await self._stop_watch(key_of(object))

    async def _stop_watch(self, key: Key) -> None:
        if (watch := self._watches.pop(key, None)) is not None and watch.task is not None:
            watch.task.cancel()
            await asyncio.gather(watch.task, return_exceptions=True)

    # --- changes

    async def _handle_changes(self, changes: AsyncIterator[Change]) -> None:
        async for change in changes:
            for watch in list(self._watches.values()):
                if change.entry.version > watch.since:
                    self._enqueue(watch, change)

    def _enqueue(self, watch: Watch, change: Change) -> None:
        """Queue the event of a change if the source selects the object, or did before the change."""
        resource = watch.resource(change.object)
        if resource is None or not self._is_in_namespaces(watch, change.object):
            return
        uid, verb = change.object["metadata"]["uid"], VERBS[change.type]
        is_selected, was_selected = _is_selected(resource.get("selector"), change.object), uid in watch.selected_uids
        if not is_selected and not was_selected:
            return
        if verb != "delete":
            verb = "update" if is_selected and was_selected else "add" if is_selected else "delete"
        (watch.selected_uids.discard if verb == "delete" else watch.selected_uids.add)(uid)
        if not _has_owner(change.object, watch.spec.get("owner")):
            return
        extensions = (watch.spec.get("ceOverrides") or {}).get("extensions") or {}
        event = event_of(SOURCE, watch.spec.get("mode") or "Reference", verb, change.object, extensions)
        if watch.queued.full():
            dropped = watch.queued.get_nowait()
            log.error("%s: %s of %s dropped: the queue is full", watch.name, dropped.get("type"), dropped.get("subject"))
        watch.queued.put_nowait(event)

    def _is_in_namespaces(self, watch: Watch, object: Object) -> bool:
        selector, namespace = watch.spec.get("namespaceSelector"), object["metadata"].get("namespace")
        if namespace is None:
            return True
        if selector is None:
            return bool(namespace == watch.namespace)
        return _is_selected(selector, self._store.find(NAMESPACE, None, namespace) or {"metadata": {}})

    async def _deliver(self, watch: Watch) -> None:
        while True:
            event = await watch.queued.get()
            reason = await deliver(self._sinks, watch.address, event)
            if reason is not None:
                log.error("%s: %s of %s dropped: %s", watch.name, event.get("type"), event.get("subject"), reason)

    # --- sources

    async def reconcile(self, object: Object) -> None:
        key = key_of(object)
        conditions = dict.fromkeys(("SinkProvided", "Deployed", "SufficientPermissions"), UNKNOWN) | {"OIDCIdentityCreated": NO_OIDC}
        status: dict[str, Any] = {"namespaces": self._namespaces(object)}
        try:
            address = self._resolve(object)
            _validate(object["spec"])
        except SinkNotFound as error:
            await self._stop_watch(key)
            conditions["SinkProvided"] = false("NotFound", str(error))
        except (MalformedEvent, ValueError) as error:
            await self._stop_watch(key)
            conditions["Deployed"] = false("InvalidSpec", str(error))
        else:
            conditions |= {"SinkProvided": TRUE, "Deployed": TRUE, "SufficientPermissions": TRUE}
            status["sinkUri"] = address.url
            await self._start_watch(key, object, address)
        status |= {"observedGeneration": object["metadata"].get("generation", 1), "conditions": condition_list(object, conditions)}
        self._store.set_status(self.kind, *key, status)

    def _namespaces(self, object: Object) -> list[str]:
        selector = object["spec"].get("namespaceSelector")
        if selector is None:
            return [object["metadata"]["namespace"]]
        if not selector:
            return [""]
        return [namespace["metadata"]["name"] for namespace in self._store.list(NAMESPACE) if _is_selected(selector, namespace)]

    def _resolve(self, source: Object) -> Address:
        namespace, sink = source["metadata"]["namespace"], source["spec"]["sink"]
        if reference := sink.get("ref"):
            self._references.add(source, reference_kind(reference), reference.get("namespace") or namespace, reference["name"])
        return self._sinks.resolve(sink, namespace)

    async def _start_watch(self, key: Key, source: Object, address: Address) -> None:
        running = self._watches.get(key)
        if running is not None and running.spec == source["spec"] and running.address == address:
            return
        await self._stop_watch(key)
        watch = Watch(source["spec"], address, f"ApiServerSource {key[0]}/{key[1]}", str(key[0]), self._store.version)
        for resource in source["spec"]["resources"]:
            is_selected = label_selectors.from_object(resource.get("selector"))
            watch.selected_uids.update(entry.uid for entry in self._store.entries(kind_of(resource)) if is_selected(entry.labels))
        watch.task = asyncio.create_task(self._deliver(watch), name=watch.name)
        self._watches[key] = watch


def _is_selected(selector: Mapping[str, Any] | None, object: Object) -> bool:
    return label_selectors.from_object(selector)(object["metadata"].get("labels") or {})


def _has_owner(object: Object, owner: Mapping[str, Any] | None) -> bool:
    """Whether a controller of the kind in spec.owner owns the object. Without spec.owner every object qualifies."""
    if not owner:
        return True
    return any(
        each.get("controller") and each["kind"] == owner["kind"] and each["apiVersion"] == owner["apiVersion"]
        for each in object["metadata"].get("ownerReferences", ())
    )


def _validate(spec: Mapping[str, Any]) -> None:
    """Raises InvalidSelector and MalformedEvent."""
    for selector in (spec.get("namespaceSelector"), *(resource.get("selector") for resource in spec["resources"])):
        label_selectors.from_object(selector)
    for name, value in ((spec.get("ceOverrides") or {}).get("extensions") or {}).items():
        events.set_attribute(Event({}), name, value)
