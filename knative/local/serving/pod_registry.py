"""Every pod that runs here: made from a template, told when a Secret or ConfigMap of its changes, ended when its object is deleted."""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from knative.local.objects import Object, now, owner_reference
from knative.local.serving.conditions import Condition, written
from knative.local.serving.node import PLATFORM_NAMESPACES, Node
from knative.local.serving.pod_limits import EVICTED
from knative.local.serving.pod_state import State
from knative.local.serving.pods import Pod
from knative.local.serving.usage import Usage, usage
from knative.local.store import AlreadyExists, NotFound

log = logging.getLogger(__name__)

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' for names that a machine makes: no vowels, no words."""
FINISHED = ("Succeeded", "Failed")
SHUTDOWN_GRACE = 10.0
FOLDER_TRIES = 120
"""Seconds: longer than any grace."""


class Pods:
    """A Part: start it before what makes pods, stop it after."""

    def __init__(self, node: Node) -> None:
        self.node = node
        node.keeper.has_pods = lambda namespace: any(pod.namespace == namespace for pod in self._pods.values())
        self._pods: dict[str, Pod] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await asyncio.to_thread(self.node.open)
        self._forget_former_run()
        self._tasks = [asyncio.create_task(self._follow(kind), name=f"pods follow {kind}") for kind in ("Pod", "Secret", "ConfigMap", "Namespace")]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(pod.stop(SHUTDOWN_GRACE) for pod in self._pods.values()))
        await self.node.zygote.stop()
        await asyncio.to_thread(self.node.close)

    def make(self, owner: Object, prefix: str, template: Mapping[str, Any], labels: Mapping[str, str]) -> Object:
        """The Pod object of a template, stored."""
        metadata = template.get("metadata") or {}
        while True:
            name = f"{prefix[:57]}-{''.join(ALPHABET[byte % len(ALPHABET)] for byte in os.urandom(5))}"
            pod = {
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {
                    "name": name, "namespace": owner["metadata"]["namespace"],
                    "labels": {**(metadata.get("labels") or {}), **labels},
                    "annotations": dict(metadata.get("annotations") or {}),
                    "ownerReferences": [owner_reference(owner)],
                },
                "spec": {"nodeName": "localhost", **template["spec"]},
            }  # fmt: skip
            with suppress(AlreadyExists):
                return self.node.store.create(pod)

    def run(self, object: Object, changed: Callable[[Pod], None], **options: Any) -> Pod:
        pod = Pod(self.node, object, changed, **options)
        self._pods[pod.uid] = pod
        return pod

    async def discard(self, pod: Pod, grace: float | None = None) -> None:
        """Ends it and forgets it, object and all."""
        await pod.stop(grace)
        self._pods.pop(pod.uid, None)
        pod.discard()

    def used(self) -> list[tuple[Object, Usage]]:
        """What each pod that runs has used so far: for the collector."""
        running = [(pod.object, process) for pod in self._pods.values() if (process := pod.container_process) is not None]
        used = usage([process for _, process in running])
        return [(object, each) for (object, _), each in zip(running, used, strict=True) if each is not None]

    def tenants(self) -> list[Pod]:
        """Tenants' pods that run or wait to run again; not one whose image is being stored."""
        found = (pod for pod in self._pods.values() if pod.namespace not in PLATFORM_NAMESPACES)
        return [pod for pod in found if pod.running or pod.state is State.WAITING]

    async def evict(self, uid: str, message: str) -> None:
        """As a kubelet: the pod fails, its object stays to tell why. Of one owner the newest such object stays."""
        if (pod := self._pods.get(uid)) is None:
            return
        await pod.evict(message)
        self.keep_object(pod)
        owners = [each["uid"] for each in pod.object["metadata"].get("ownerReferences") or []]
        for object in self.node.store.list("Pod", pod.namespace):
            metadata, reason = object["metadata"], (object.get("status") or {}).get("reason")
            same = owners == [each["uid"] for each in metadata.get("ownerReferences") or []]
            if reason == EVICTED and same and metadata["uid"] != pod.uid:
                with suppress(NotFound):
                    self.node.store.delete("Pod", pod.namespace, metadata["name"])

    def keep_object(self, pod: Pod) -> None:
        """It ended by itself: its object and its log stay until its owner goes (a Job's pod)."""
        self._pods.pop(pod.uid, None)
        pod.tidy()

    async def _follow(self, kind: str) -> None:
        async for change in self.node.store.watch(kind):
            metadata = change.object["metadata"]
            if kind == "Namespace":
                if change.type == "DELETED":
                    self.node.forget_cache(metadata["name"])
                    self._tasks.append(asyncio.create_task(self._remove_folder(metadata["name"]), name=f"remove the folder of {metadata['name']}"))
            elif kind != "Pod":
                for pod in [each for each in self._pods.values() if each.namespace == metadata.get("namespace")]:
                    pod.refresh(kind, metadata["name"])
            elif change.type == "DELETED" and (found := self._pods.get(metadata["uid"])):
                self._tasks.append(asyncio.create_task(self.discard(found), name=f"end pod {metadata['name']}"))
                self._tasks = [task for task in self._tasks if not task.done()]
            elif change.type == "DELETED":
                self._clear(change.object)

    async def _remove_folder(self, namespace: str) -> None:
        """The empty one of a namespace that was deleted, once its last pod has ended."""
        for _ in range(FOLDER_TRIES):
            if not any(pod.namespace == namespace for pod in self._pods.values()):
                with suppress(OSError):  # there was none; or a namespace of this name has pods again
                    (self.node.pods / namespace).rmdir()
                return
            await asyncio.sleep(1.0)

    def _clear(self, object: Object) -> None:
        """The log of a Job's pod goes with its object."""
        self.node.trash.throw(self.node.pods / object["metadata"]["namespace"] / object["metadata"]["name"])

    def _forget_former_run(self) -> None:
        """Nothing of it runs any more. A revision's pods are made anew when they are needed; a Job sees that its pod was taken from it."""
        store = self.node.store
        for object in store.list("Pod"):
            metadata, status = object["metadata"], object.get("status") or {}
            with suppress(NotFound):
                if not any(owner["kind"] == "Job" for owner in metadata.get("ownerReferences") or ()):
                    store.delete("Pod", metadata["namespace"], metadata["name"])
                elif status.get("phase") not in FINISHED:
                    conditions = {"DisruptionTarget": Condition("True", "TerminationByKubelet", "knative/local was ended while this pod ran")}
                    lost = {**status, "phase": "Failed", "reason": "NodeLost", "message": conditions["DisruptionTarget"].message}
                    lost["conditions"] = written(conditions, [], now())
                    store.set_status("Pod", metadata["namespace"], metadata["name"], lost)
        for folder in self.node.pods.glob("*/*"):
            if store.find("Pod", folder.parent.name, folder.name) is None:
                self.node.trash.throw(folder)


def pod_spec(spec: Mapping[str, Any], port: int) -> dict[str, Any]:
    """A revision's spec as its pods have it; a probe that names no port asks the one that the process is given."""

    def probed(probe: Mapping[str, Any]) -> dict[str, Any]:
        asked = {kind: {**probe[kind], "port": probe[kind].get("port") or port} for kind in ("httpGet", "tcpSocket") if probe.get(kind) is not None}
        return {**probe, **asked}

    containers = [
        {**container, **{name: probed(container[name]) for name in ("readinessProbe", "livenessProbe") if container.get(name)}}
        for container in spec["containers"]
    ]
    kept = {field: value for field, value in spec.items() if field not in ("containerConcurrency", "timeoutSeconds")}
    return {**kept, "containers": containers}
