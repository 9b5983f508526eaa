"""Revisions: give each a scaler, tick the scalers, and report their state in the revision's conditions."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from knative.local.autoscaling.pod_usage import PodUsage
from knative.local.images import PLATFORM
from knative.local.listening_sockets import ListeningSockets
from knative.local.objects import Object, now
from knative.local.serving import awake_revisions
from knative.local.serving.conditions import condition_entries, find_condition
from knative.local.serving.metrics import ServingMetrics
from knative.local.serving.node import PLATFORM_NAMESPACES
from knative.local.serving.pods.registry import SHUTDOWN_GRACE_SECONDS, Pods
from knative.local.serving.pods.state import StartFailure
from knative.local.serving.revision_conditions import conditions_of
from knative.local.serving.scaler import Scaler
from knative.local.settings import Settings
from knative.local.store import NotFound, Store

log = logging.getLogger(__name__)

REVISION = "Revision.serving.knative.dev"
NAMESPACE = "knative-serving"
SERVICE_LABEL = "serving.knative.dev/service"
TICK_SECONDS = 2.0
START_PUBLICATION_SECONDS = 0.2
"""How long the status of a revision that starts a pod for a request may wait, so that it is one with that of the ready pod, and of others that
start for the same request."""
TICKS_OF_ALL = 30
"""After so many ticks of those scalers that are not idle, all are looked at. Changes mark a scaler at once, so this is only a safeguard."""
Key = tuple[str, str]


def _service_key(revision: Object) -> Key:
    """Return the (namespace, name) of the Service of a revision; the name is empty if it has none."""
    metadata = revision["metadata"]
    return metadata["namespace"], (metadata.get("labels") or {}).get(SERVICE_LABEL, "")


class Revisions:
    """The reconciler of Revisions, and a Runnable that ticks their scalers while one needs it."""

    kind = REVISION

    def __init__(self, store: Store, settings: Settings, pods: Pods, sockets: ListeningSockets, usage: PodUsage) -> None:
        self._usage = usage
        self._store, self._settings, self._pods, self._listening_sockets = store, settings, pods, sockets
        self._scalers: dict[Key, Scaler] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._has_opened = False
        self._route_targets: dict[Key, set[str]] = {}
        """(namespace, Service) → the revisions its Route leads to. After a restart a Route may be reconciled before
        its revisions."""
        self._of_service: dict[Key, set[Key]] = {}
        """(namespace, Service) → its revisions: a namespace of the platform has hundreds."""
        self._active: set[Scaler] = set()
        """Scalers that may need a tick."""
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._dirty: set[Scaler] = set()
        self._publication: asyncio.Handle | None = None
        self._delayed: set[Scaler] = set()
        self._delayed_publication: asyncio.Handle | None = None
        self._stopping: set[asyncio.Task[None]] = set()
        self._former: list[Key] = []
        """Revisions that had pods when the previous process stopped."""
        self.metrics = ServingMetrics(self._scalers.values)

    async def start(self) -> None:
        self._former = awake_revisions.take(self._awake_record)
        self._task = asyncio.create_task(self._run(), name="autoscaler")

    async def stop(self) -> None:
        for publication in filter(None, (self._publication, self._delayed_publication)):
            publication.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        # Those of Jobs and Deployments too: the grace of one does not begin when that of another is over.
        await asyncio.gather(self._pods.end_all(), *(scaler.stop(SHUTDOWN_GRACE_SECONDS) for scaler in self._scalers.values()))
        for task in self._stopping:
            task.cancel()  # `Pods.stop` ends their pods
        for each in self._sockets.values():
            each.close()

    @property
    def _awake_record(self) -> Path:
        return self._settings.state / "awake.json"

    def record_awake(self) -> None:
        """Record which revisions have pods, for the next process."""
        awake = sorted((each for each in self._scalers.values() if each.pods), key=lambda scaler: scaler.last_used_at, reverse=True)
        awake_revisions.write(self._awake_record, [(each.namespace, each.name) for each in awake if not self._listens(each)])

    def wake_functions(self) -> None:
        """Start a pod of each function of the platform that had one when the previous process stopped."""
        self._wake(lambda namespace: namespace in PLATFORM_NAMESPACES)

    def are_functions_awake(self) -> bool:
        """Whether each of these has a pod that is ready, or cannot have one."""
        scalers = [self._scalers.get(key) for key in self._former if key[0] in PLATFORM_NAMESPACES]
        return all(each.ready_pods or not each.pods for each in scalers if each is not None)

    def _wake(self, is_meant: Callable[[str], bool]) -> None:
        for key in self._former:
            if is_meant(key[0]) and (scaler := self._scalers.get(key)) is not None:
                scaler.wake()
        self._awake.set()

    def open_host_ports(self) -> None:
        """Start the pods that listen on a port of this machine, and applications that were awake. Until then connections wait."""
        self._has_opened = True
        self._wake(lambda namespace: namespace not in PLATFORM_NAMESPACES)
        for scaler in self._scalers.values():
            if self._listens(scaler):
                scaler.is_held_back = False
                scaler.tick()
                self._active.add(scaler)
        self._awake.set()

    async def drain_host_ports(self) -> None:
        """End the pods that listen on a port of this machine, after their requests."""
        await asyncio.gather(*(scaler.stop(SHUTDOWN_GRACE_SECONDS) for scaler in self._scalers.values() if self._listens(scaler)))

    def _listens(self, scaler: Scaler) -> bool:
        """Whether its pods listen on a port of this machine; with HTTPS the ingress does."""
        return scaler.host_port is not None and self._settings.https is None

    def has_all(self) -> bool:
        """Whether each stored Revision has a scaler."""
        return all((entry.key[1], entry.key[2]) in self._scalers for entry in self._store.entries(REVISION))

    def find(self, namespace: str, name: str) -> Scaler | None:
        return self._scalers.get((namespace, name))

    def set_route_targets(self, namespace: str, names: set[str], service: str, *, is_stopped: bool = False) -> None:
        """Set the revisions that a Service's Route leads to. The Service's other revisions scale to zero.

        `is_stopped`: those too, and all at once.
        """
        if names and not is_stopped:
            self._route_targets[namespace, service] = names
        else:
            self._route_targets.pop((namespace, service), None)
        for key in self._of_service.get((namespace, service), set()) | {(namespace, name) for name in names}:
            if (scaler := self._scalers.get(key)) is None:
                continue
            is_reachable = scaler.name in names and not is_stopped
            scaler.is_sole_target = len(names) == 1
            if (is_reachable, is_stopped) != (scaler.is_reachable, scaler.is_paused):
                scaler.is_reachable, scaler.is_paused = is_reachable, is_stopped
                scaler.tick()
            self._active.add(scaler)
        self._awake.set()

    # --- reconciling

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[tuple[str | None, str]]]]:
        def of_config(config: Object) -> Iterable[tuple[str | None, str]]:
            metadata = config["metadata"]
            return list(self._scalers) if (metadata["namespace"], metadata["name"]) == (NAMESPACE, "config-autoscaler") else []

        return {"ConfigMap": of_config}

    async def reconcile(self, object: Object) -> None:
        metadata = object["metadata"]
        key = metadata["namespace"], metadata["name"]
        scaler = self._scalers.get(key)
        if scaler is not None and scaler.uid != metadata["uid"]:
            await self.on_deleted(scaler.revision)
            scaler = None
        if scaler is None:
            scaler = self._scalers[key] = self._create_scaler(object)
            self._pods.node.preload_for(object)
            scaler.tick()
            self._publish(scaler)
        self._forget_service(key, scaler)
        self._of_service.setdefault(_service_key(object), set()).add(key)
        scaler.stored = self._store.stored(object)
        scaler.rescale(self._defaults())
        self._active.add(scaler)
        self._awake.set()

    def _create_scaler(self, object: Object) -> Scaler:
        condition = find_condition(object, "Ready")
        retries_forever = self._pods.node.is_trusted(object, object["spec"]["containers"][0]["image"].startswith(PLATFORM))
        stored = self._store.stored(object)
        scaler = Scaler(self._pods, stored, self._defaults(), self._on_scaler_change, self._open_port, self._usage, retries_forever)
        if not retries_forever and not scaler.has_been_ready and condition is not None and condition.status == "False":
            scaler.failure, scaler.has_failed = StartFailure(condition.reason, condition.message), True  # it failed before a restart, for good
        targets = self._route_targets.get(_service_key(object), set())
        scaler.is_reachable, scaler.is_sole_target = scaler.name in targets, len(targets) == 1
        scaler.is_held_back = self._listens(scaler) and not self._has_opened
        return scaler

    async def on_deleted(self, object: Object) -> None:
        metadata = object["metadata"]
        key = metadata["namespace"], metadata["name"]
        if key in self._scalers and self._scalers[key].uid == metadata["uid"]:
            scaler = self._scalers.pop(key)
            self._active.discard(scaler)
            self._forget_service(key, scaler)
            self.metrics.forget(scaler)
            task = asyncio.create_task(scaler.stop(), name=f"stop revision {key[1]}")
            self._stopping.add(task)  # not awaited: an application may take its whole timeout to end, and a new one of its name must not wait
            task.add_done_callback(self._stopping.discard)

    def _forget_service(self, key: Key, scaler: Scaler) -> None:
        service = key[0], scaler.stored.labels.get(SERVICE_LABEL, "")
        revisions = self._of_service.get(service, set())
        revisions.discard(key)
        if not revisions:
            self._of_service.pop(service, None)

    def _defaults(self) -> Mapping[str, str]:
        found = self._store.find("ConfigMap", NAMESPACE, "config-autoscaler")
        return (found or {}).get("data") or {}

    def _open_port(self, port: int) -> socket.socket | None:
        """Return a listening socket that pods inherit; None with HTTPS, where the ingress opens it (`loopback_ports`).

        It stays open between pods, so no connection is refused. Raises OSError.
        """
        if self._settings.https is not None:
            return None
        port += self._settings.port_offset
        if port not in self._sockets:
            self._sockets[port] = self._listening_sockets.open(port)
        return self._sockets[port]

    # --- reporting

    def _on_scaler_change(self, scaler: Scaler) -> None:
        """Publish the changes of one iteration of the event loop as one status.

        While requests wait for a pod or an answer the publication waits a moment too: what follows from it would delay them.
        """
        self.metrics.observe(scaler)
        loop = asyncio.get_running_loop()
        scaler.is_status_delayed = scaler.has_been_ready and scaler.failure is None and scaler.is_awaited
        if scaler.is_status_delayed:
            self._delayed.add(scaler)
            self._delayed_publication = self._delayed_publication or loop.call_later(START_PUBLICATION_SECONDS, self._publish_delayed)
        else:
            self._delayed.discard(scaler)
            self._dirty.add(scaler)
            self._publication = self._publication or loop.call_soon(self._publish_dirty)
        if self._scalers.get((scaler.namespace, scaler.name)) is scaler:
            self._active.add(scaler)
        self._awake.set()

    def _publish_dirty(self) -> None:
        dirty, self._dirty, self._publication = self._dirty, set(), None
        for scaler in dirty:
            self._publish(scaler)

    def _publish_delayed(self) -> None:
        delayed, self._delayed, self._delayed_publication = self._delayed, set(), None
        for scaler in delayed:
            scaler.is_status_delayed = False
            self._publish(scaler)

    def _publish(self, scaler: Scaler) -> None:
        with suppress(NotFound):
            object = self._store.get(REVISION, scaler.namespace, scaler.name)
            if object["metadata"]["uid"] != scaler.uid:
                return
            before: dict[str, Any] = object.get("status") or {}
            conditions = condition_entries(conditions_of(scaler), before.get("conditions") or [], now())
            container = object["spec"]["containers"][0]
            status = {
                "observedGeneration": object["metadata"].get("generation", 1),
                "conditions": conditions,
                "containerStatuses": [{"name": container["name"], "imageDigest": container["image"]}],
                "desiredReplicas": len(scaler.pods),
                "actualReplicas": scaler.ready_pods,
            }
            self._store.set_status(REVISION, scaler.namespace, scaler.name, status)

    async def _run(self) -> None:
        """Tick the scalers that are not idle. Most are at zero: looking at each of a thousand would take a tenth of a core."""
        ticks = 0
        while True:
            await self._awake.wait()
            self._awake.clear()
            while active := [scaler for scaler in self._active if not scaler.is_idle]:
                self._active = set(active)
                for scaler in active:
                    try:
                        scaler.tick()
                    except Exception:
                        log.exception("scaling revision %s/%s failed", scaler.namespace, scaler.name)
                await asyncio.sleep(TICK_SECONDS)
                ticks += 1
                if ticks % TICKS_OF_ALL == 0:
                    self._active.update(self._scalers.values())
            self._active.clear()
