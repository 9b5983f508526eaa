"""Revisions: each has a scaler, and says in its conditions what became of it."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from knative.local.images import PLATFORM
from knative.local.objects import Object, now
from knative.local.serving.conditions import TRUE, Condition, read, ready, written
from knative.local.serving.pod_registry import SHUTDOWN_GRACE, Pods
from knative.local.serving.scaler import Scaler
from knative.local.settings import LOOPBACK, Settings
from knative.local.store import NotFound, Store

log = logging.getLogger(__name__)

REVISION = "Revision.serving.knative.dev"
NAMESPACE = "knative-serving"
TICK = 2.0
RESOURCES = frozenset({"ProgressDeadlineExceeded", "ImagePullBackOff", "CreateContainerConfigError", "ContainerCreating"})
"""Reasons for which there is no container that could be unhealthy."""
NO_TRAFFIC = Condition("False", "NoTraffic", "The target is not receiving traffic.", "Info")
QUEUED = Condition("Unknown", "Queued", "Requests to the target are being buffered as resources are provisioned.", "Info")
DEPLOYING = Condition("Unknown", "Deploying")

Key = tuple[str, str]


def conditions_of(scaler: Scaler) -> dict[str, Condition]:
    failure = scaler.failure
    if scaler.gave_up and failure is not None:
        failed = Condition("False", *failure)
        unknown = Condition("Unknown", *failure)
        no_container = failure[0] in RESOURCES
        found = {"ResourcesAvailable": failed if no_container else unknown, "ContainerHealthy": unknown if no_container else failed}
        active = Condition("False", failure[0], failure[1], "Info")
    elif scaler.proven:
        healthy = Condition("False", *failure) if failure is not None and not scaler.ready_pods else TRUE
        found = {"ResourcesAvailable": TRUE, "ContainerHealthy": healthy}
        active = Condition("True", severity="Info") if scaler.ready_pods else QUEUED if scaler.pods else NO_TRAFFIC
    else:
        waiting = Condition("Unknown", *failure) if failure is not None else DEPLOYING
        found = {"ResourcesAvailable": waiting, "ContainerHealthy": waiting}
        active = Condition("Unknown", waiting.reason, waiting.message, "Info")
    return found | {"Active": active, "Ready": ready(found, ("ResourcesAvailable", "ContainerHealthy"))}


class Revisions:
    """The reconciler of Revisions, and the Part that ticks their scalers while there is one to tick."""

    kind = REVISION

    def __init__(self, store: Store, settings: Settings, pods: Pods) -> None:
        self._store, self._settings, self._pods = store, settings, pods
        self._scalers: dict[Key, Scaler] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._reached: dict[Key, set[str]] = {}
        """(namespace, service) → the revisions its route leads to: after a restart a route may be seen before its revisions."""
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._dirty: set[Scaler] = set()
        self._stopping: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="autoscaler")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(scaler.stop(SHUTDOWN_GRACE) for scaler in self._scalers.values()))
        for task in self._stopping:
            task.cancel()  # their pods end with the rest of the pods
        for each in self._sockets.values():
            each.close()

    def find(self, namespace: str, name: str) -> Scaler | None:
        return self._scalers.get((namespace, name))

    def of(self, namespace: str) -> list[Scaler]:
        return [scaler for (where, _), scaler in self._scalers.items() if where == namespace]

    def reach(self, namespace: str, names: set[str], service: str) -> None:
        """What a route leads to now; the service's other revisions may go."""
        if names:
            self._reached[namespace, service] = names
        else:
            self._reached.pop((namespace, service), None)
        for scaler in self.of(namespace):
            labels = scaler.revision["metadata"].get("labels") or {}
            if scaler.name in names or labels.get("serving.knative.dev/service") == service:
                reachable = scaler.name in names
                scaler.alone = len(names) == 1
                if reachable != scaler.reachable:
                    scaler.reachable = reachable
                    scaler.tick()
        self._awake.set()

    # --- reconciling

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[tuple[str | None, str]]]]:
        def all_of_them(config: Object) -> Iterable[tuple[str | None, str]]:
            metadata = config["metadata"]
            return list(self._scalers) if (metadata["namespace"], metadata["name"]) == (NAMESPACE, "config-autoscaler") else []

        return {"ConfigMap": all_of_them}

    async def reconcile(self, object: Object) -> None:
        metadata = object["metadata"]
        key = metadata["namespace"], metadata["name"]
        scaler = self._scalers.get(key)
        if scaler is not None and scaler.uid != metadata["uid"]:
            await self.on_deleted(scaler.revision)
            scaler = None
        if scaler is None:
            given_up = read(object, "Ready")
            persists = self._pods.node.trusts(object, object["spec"]["containers"][0]["image"].startswith(PLATFORM))
            scaler = Scaler(self._pods, object, self._defaults(), self._changed, self._open_port, persists)
            if not persists and not scaler.proven and given_up is not None and given_up.status == "False":  # it failed before a restart, and for good
                scaler.failure, scaler.gave_up = (given_up.reason, given_up.message), True
            self._scalers[key] = scaler
            self._pods.node.expect(object)
            service = (metadata.get("labels") or {}).get("serving.knative.dev/service", "")
            reached = self._reached.get((scaler.namespace, service), set())
            scaler.reachable, scaler.alone = scaler.name in reached, len(reached) == 1
            scaler.tick()
            self._publish(scaler)
        scaler.revision = object
        scaler.rescale(self._defaults())
        self._awake.set()

    async def on_deleted(self, object: Object) -> None:
        metadata = object["metadata"]
        key = metadata["namespace"], metadata["name"]
        if key in self._scalers and self._scalers[key].uid == metadata["uid"]:
            task = asyncio.create_task(self._scalers.pop(key).stop(), name=f"stop revision {key[1]}")
            self._stopping.add(task)  # an application may take its whole timeout to end; a new one of its name need not wait for it
            task.add_done_callback(self._stopping.discard)

    def _defaults(self) -> Mapping[str, str]:
        found = self._store.find("ConfigMap", NAMESPACE, "config-autoscaler")
        return (found or {}).get("data") or {}

    def _open_port(self, port: int) -> socket.socket:
        """Socket activation: it stays open from one pod to the next, so nobody is refused in between."""
        port += self._settings.port_offset
        if port not in self._sockets:
            opened = socket.create_server((LOOPBACK, port), backlog=1024)
            opened.setblocking(False)
            self._sockets[port] = opened
        return self._sockets[port]

    # --- telling

    def _changed(self, scaler: Scaler) -> None:
        """Many changes of one moment are one status."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._publish_dirty)
        self._dirty.add(scaler)
        self._awake.set()

    def _publish_dirty(self) -> None:
        dirty, self._dirty = self._dirty, set()
        for scaler in dirty:
            self._publish(scaler)

    def _publish(self, scaler: Scaler) -> None:
        with suppress(NotFound):
            object = self._store.get(REVISION, scaler.namespace, scaler.name)
            if object["metadata"]["uid"] != scaler.uid:
                return
            before: dict[str, Any] = object.get("status") or {}
            conditions = written(conditions_of(scaler), before.get("conditions") or [], now())
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
        while True:
            await self._awake.wait()
            self._awake.clear()
            while any(not scaler.quiet for scaler in self._scalers.values()):
                for scaler in list(self._scalers.values()):
                    if not scaler.quiet:
                        try:
                            scaler.tick()
                        except Exception:
                            log.exception("revision %s/%s is not scaled", scaler.namespace, scaler.name)
                await asyncio.sleep(TICK)
