"""ApiServerSources: changes of the cluster's own objects as events, so that a function learns of a finished Job without asking.

As Knative's adapter: what is there when the watch begins is not told, only what changes afterwards; labels are compared as they are after
the change (an object that leaves the selector is told as deleted, one that enters as added, as a label-selected watch has it). Events of
one source go out in order, one after another, each tried five more times. What changes while this process is down is not told: whoever
must know re-reads the state.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from knative.local.controller import Key
from knative.local.eventing import events
from knative.local.eventing.conditions import TRUE, UNKNOWN, Condition, conditions, false
from knative.local.eventing.events import Event, Malformed
from knative.local.eventing.ping import send
from knative.local.eventing.sinks import BROKER, SERVICE, Address, Sinks, Unresolved
from knative.local.objects import Object, kind_of
from knative.local.store import Change, Store

log = logging.getLogger(__name__)

VERBS = {"ADDED": "add", "MODIFIED": "update", "DELETED": "delete"}
NAMESPACE = "Namespace"
SOURCE = "https://kubernetes.default.svc:443"
"""upstream: the API server's address inside the cluster"""
MOST_WAITING = 10_000


def selected(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """A Kubernetes LabelSelector; an absent or empty one selects everything."""
    if not selector:
        return True
    if not (selector.get("matchLabels") or {}).items() <= labels.items():
        return False
    return all(_expressed(each, labels) for each in selector.get("matchExpressions") or ())


def _expressed(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression.get("values", ())
        case "NotIn":
            return value not in expression.get("values", ())
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case operator:
            raise ValueError(f"{operator!r} is no operator of a label selector")


def plural(kind: str) -> str:
    """meta.UnsafeGuessKindToResource, whose guess is part of the events' subject."""
    name = kind.lower()
    if name.endswith("s"):
        return name + "es"
    return name[:-1] + "ies" if name.endswith("y") else name + "s"


def event_of(source: str, mode: str, verb: str, object: Object, extensions: Mapping[str, str]) -> Event:
    metadata, api = object["metadata"], object["apiVersion"]
    namespace = metadata.get("namespace", "")
    reference = mode == "Reference"
    said = f"{api}/versionUnknown" if "." in api and "/" not in api else api
    event = Event(
        {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "type": f"dev.knative.apiserver.{'ref' if reference else 'resource'}.{verb}",
            "source": source,
            "subject": f"/apis/{said}/namespaces/{namespace}/{plural(object['kind'])}/{metadata['name']}",
            "time": events.canonical_time(datetime.now(UTC).isoformat().replace("+00:00", "Z")),
            "datacontenttype": "application/json",
        },
        {"kind": object["kind"], "apiversion": api, "name": metadata["name"], "namespace": namespace},
    )
    for name, value in extensions.items():
        events.set_attribute(event, name, value)
    named = {"kind": object["kind"], "namespace": namespace, "name": metadata["name"], "apiVersion": api}
    event.data = orjson.dumps({field: value for field, value in named.items() if value} if reference else object)
    return event


@dataclass
class Watch:
    """One source at work."""

    spec: Mapping[str, Any]
    address: Address
    name: str
    namespace: str
    since: int
    """the store's version when it began"""
    waiting: asyncio.Queue[Event] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    task: asyncio.Task[None] | None = None
    known: set[str] = field(default_factory=set)
    """uids of objects that its watches have seen"""

    def resource(self, object: Object) -> Mapping[str, Any] | None:
        for resource in self.spec["resources"]:
            if resource["kind"] == object["kind"] and resource["apiVersion"] == object["apiVersion"]:
                found: Mapping[str, Any] = resource
                return found
        return None


class ApiServerSources:
    """Reconciler and Part: one watch over the whole store, fanned out to the sources."""

    kind = "ApiServerSource.sources.knative.dev"

    def __init__(self, store: Store, sinks: Sinks) -> None:
        self._store = store
        self._sinks = sinks
        self._watches: dict[Key, Watch] = {}
        self._following: dict[tuple[str, str, str], set[Key]] = {}
        self._task: asyncio.Task[None] | None = None

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        def followers(kind: str) -> Callable[[Object], Iterable[Key]]:
            return lambda object: list(self._following.get((kind, object["metadata"]["namespace"], object["metadata"]["name"]), ()))

        return {SERVICE: followers(SERVICE), BROKER: followers(BROKER)}

    async def start(self) -> None:
        self._task = asyncio.create_task(self._follow(self._store.watch(None)), name="apiserver sources")

    async def stop(self) -> None:
        tasks = [task for task in (self._task, *(watch.task for watch in self._watches.values())) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def on_deleted(self, object: Object) -> None:
        await self._end((object["metadata"]["namespace"], object["metadata"]["name"]))

    async def _end(self, key: Key) -> None:
        if (watch := self._watches.pop(key, None)) is not None and watch.task is not None:
            watch.task.cancel()
            await asyncio.gather(watch.task, return_exceptions=True)

    # --- the watch

    async def _follow(self, changes: AsyncIterator[Change]) -> None:
        async for change in changes:
            version = int(change.object["metadata"]["resourceVersion"])
            for watch in list(self._watches.values()):
                if version > watch.since:
                    self._offer(watch, change)

    def _offer(self, watch: Watch, change: Change) -> None:
        resource = watch.resource(change.object)
        if resource is None or not self._in_namespaces(watch, change.object):
            return
        uid, verb = change.object["metadata"]["uid"], VERBS[change.type]
        inside, before = selected(resource.get("selector"), change.object["metadata"].get("labels") or {}), uid in watch.known
        if not inside and not before:
            return
        if verb != "delete":
            verb = "update" if inside and before else "add" if inside else "delete"
        (watch.known.discard if verb == "delete" else watch.known.add)(uid)
        if not _owned(watch.spec.get("owner"), change.object):
            return
        extensions = (watch.spec.get("ceOverrides") or {}).get("extensions") or {}
        event = event_of(SOURCE, watch.spec.get("mode") or "Reference", verb, change.object, extensions)
        if watch.waiting.full():
            lost = watch.waiting.get_nowait()
            log.error("%s: %s of %s is lost: %d events wait for its sink", watch.name, lost.get("type"), lost.get("subject"), MOST_WAITING)
        watch.waiting.put_nowait(event)

    def _in_namespaces(self, watch: Watch, object: Object) -> bool:
        selector, namespace = watch.spec.get("namespaceSelector"), object["metadata"].get("namespace")
        if namespace is None:
            return True
        if selector is None:
            return bool(namespace == watch.namespace)
        found = self._store.find(NAMESPACE, None, namespace)
        return selected(selector, (found or {"metadata": {}})["metadata"].get("labels") or {})

    async def _send(self, watch: Watch) -> None:
        while True:
            event = await watch.waiting.get()
            reason = await send(self._sinks, watch.address, event)
            if reason is not None:
                log.error("%s: %s of %s is lost: %s", watch.name, event.get("type"), event.get("subject"), reason)

    # --- the object

    async def reconcile(self, object: Object) -> None:
        key = (object["metadata"]["namespace"], object["metadata"]["name"])
        concerns = dict.fromkeys(("SinkProvided", "Deployed", "SufficientPermissions"), UNKNOWN)
        concerns["OIDCIdentityCreated"] = Condition("True", "authentication-oidc feature disabled")
        status: dict[str, Any] = {"namespaces": self._namespaces(object)}
        try:
            address = self._resolve(object)
            _validate(object["spec"])
        except Unresolved as error:
            await self._end(key)
            concerns["SinkProvided"] = false("NotFound", str(error))
        except (Malformed, ValueError) as error:
            await self._end(key)
            concerns["Deployed"] = false("InvalidSpec", str(error))
        else:
            concerns |= {"SinkProvided": TRUE, "Deployed": TRUE, "SufficientPermissions": TRUE}
            status["sinkUri"] = address.url
            await self._watch(key, object, address)
        status |= {"observedGeneration": object["metadata"].get("generation", 1), "conditions": conditions(object, concerns)}
        self._store.set_status(self.kind, *key, status)

    def _namespaces(self, object: Object) -> list[str]:
        selector = object["spec"].get("namespaceSelector")
        if selector is None:
            return [object["metadata"]["namespace"]]
        if not selector:
            return [""]
        return [each["metadata"]["name"] for each in self._store.list(NAMESPACE) if selected(selector, each["metadata"].get("labels") or {})]

    def _resolve(self, source: Object) -> Address:
        namespace, sink = source["metadata"]["namespace"], source["spec"]["sink"]
        if reference := sink.get("ref"):
            followed = (kind_of(reference), reference.get("namespace") or namespace, reference["name"])
            self._following.setdefault(followed, set()).add((namespace, source["metadata"]["name"]))
        return self._sinks.resolve(sink, namespace)

    async def _watch(self, key: Key, source: Object, address: Address) -> None:
        running = self._watches.get(key)
        if running is not None and running.spec == source["spec"] and running.address == address:
            return
        await self._end(key)
        watch = Watch(source["spec"], address, f"ApiServerSource {key[0]}/{key[1]}", str(key[0]), self._store.version)
        for resource in source["spec"]["resources"]:
            for entry in self._store.entries(kind_of(resource)):
                if selected(resource.get("selector"), entry.labels):
                    watch.known.add(entry.uid)
        watch.task = asyncio.create_task(self._send(watch), name=watch.name)
        self._watches[key] = watch


def _owned(owner: Mapping[str, Any] | None, object: Object) -> bool:
    """spec.owner: only what a controller of that kind owns."""
    if not owner:
        return True
    return any(
        each.get("controller") and each["kind"] == owner["kind"] and each["apiVersion"] == owner["apiVersion"]
        for each in object["metadata"].get("ownerReferences", ())
    )


def _validate(spec: Mapping[str, Any]) -> None:
    for selector in (spec.get("namespaceSelector"), *(resource.get("selector") for resource in spec["resources"])):
        selected(selector, {})
    for name, value in ((spec.get("ceOverrides") or {}).get("extensions") or {}).items():
        events.set_attribute(Event({}), name, value)
