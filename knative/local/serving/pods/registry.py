"""The pods of this machine: create them from templates, refresh them when Secrets or ConfigMaps change, end them when their object is deleted."""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from knative.local.objects import Object, now, owner_reference
from knative.local.processes.streams import Streams
from knative.local.serving.conditions import Condition, condition_entries
from knative.local.serving.node import PLATFORM_NAMESPACES, Node
from knative.local.serving.pods.exit import EVICTED
from knative.local.serving.pods.pod import Pod
from knative.local.serving.pods.probes import container_port
from knative.local.serving.pods.state import Stage
from knative.local.serving.pods.usage import Usage, usage
from knative.local.store import AlreadyExists, NotFound

log = logging.getLogger(__name__)

NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' alphabet for generated names: no vowels, so no words."""
FINISHED = ("Succeeded", "Failed")
SHUTDOWN_GRACE_SECONDS = 10.0
FOLDER_REMOVAL_SECONDS = 120
"""Longer than any grace."""


class Pods:
    """A Runnable. Start it before the owners of pods (scalers, Jobs) and stop it after them."""

    def __init__(self, node: Node) -> None:
        self.node = node
        node.image_collector.has_pods = lambda namespace: any(pod.namespace == namespace for pod in self._pods.values())
        self._pods: dict[str, Pod] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await asyncio.to_thread(self.node.open)
        self._clean_up_previous_run()
        self._tasks = [asyncio.create_task(self._follow(kind), name=f"pods follow {kind}") for kind in ("Pod", "Secret", "ConfigMap", "Namespace")]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.end_all()
        await self.node.zygote.stop()
        await asyncio.to_thread(self.node.close)

    async def end_all(self) -> None:
        """End all pods at the same time, before the platform itself ends. Idempotent."""
        await asyncio.gather(*(pod.stop(SHUTDOWN_GRACE_SECONDS) for pod in self._pods.values()))

    def create(self, owner: Object, prefix: str, template: Mapping[str, Any], labels: Mapping[str, str]) -> Object:
        """Create the Pod object of a template under a generated name. It does not run until `run`."""
        metadata = template.get("metadata") or {}
        while True:
            name = f"{prefix[:57]}-{''.join(NAME_ALPHABET[byte % len(NAME_ALPHABET)] for byte in os.urandom(5))}"
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

    def run(self, object: Object, on_change: Callable[[Pod], None], **options: Any) -> Pod:
        """Start a pod. `options`: keyword arguments of `Pod`."""
        pod = Pod(self.node, object, on_change, **options)
        self._pods[pod.uid] = pod
        return pod

    def find_streams(self, namespace: str, name: str) -> Streams | None:
        """Return the streams of a pod that runs and can be attached to."""
        return next((pod.streams for pod in self._pods.values() if (pod.namespace, pod.name) == (namespace, name)), None)

    async def delete(self, pod: Pod, grace_seconds: float | None = None) -> None:
        """End a pod and delete its files and its object."""
        await pod.stop(grace_seconds)
        self._pods.pop(pod.uid, None)
        pod.delete()

    def used(self) -> list[tuple[Object, Usage]]:
        """Return the usage of each running pod, for the collector."""
        running = [(pod.object, process) for pod in self._pods.values() if (process := pod.container_process) is not None]
        used = usage([process for _, process in running])
        return [(object, each) for (object, _), each in zip(running, used, strict=True) if each is not None]

    def is_ready(self, pod: Mapping[str, Any]) -> bool:
        """Whether the pod of this object is ready, for the collector."""
        running = self._pods.get(pod["metadata"]["uid"])
        return running is not None and running.state.is_ready

    def tenant_pods(self) -> list[Pod]:
        """Return tenants' pods that run or wait for a retry. A build whose image is being stored is not among them."""
        found = (pod for pod in self._pods.values() if pod.namespace not in PLATFORM_NAMESPACES)
        return [pod for pod in found if pod.is_running or pod.state.stage is Stage.WAITING]

    async def evict(self, uid: str, message: str) -> None:
        """Evict a pod as a kubelet does: it fails, and its object stays and says why.

        Only the newest evicted object of an owner stays.
        """
        if (pod := self._pods.get(uid)) is None:
            return
        await pod.evict(message)
        self.keep_object(pod)
        owners = [each["uid"] for each in pod.object["metadata"].get("ownerReferences") or []]
        for object in self.node.store.list("Pod", pod.namespace):
            metadata, reason = object["metadata"], (object.get("status") or {}).get("reason")
            has_same_owners = owners == [each["uid"] for each in metadata.get("ownerReferences") or []]
            if reason == EVICTED and has_same_owners and metadata["uid"] != pod.uid:
                with suppress(NotFound):
                    self.node.store.delete("Pod", pod.namespace, metadata["name"])

    def keep_object(self, pod: Pod) -> None:
        """Delete the files of a pod that has ended.

        Its object and its log stay until its owner is deleted (a Job's pod).
        """
        self._pods.pop(pod.uid, None)
        pod.delete_files()

    async def _follow(self, kind: str) -> None:
        async for change in self.node.store.watch(kind):
            metadata = change.object["metadata"]
            if kind == "Namespace":
                if change.type == "DELETED":
                    self.node.build_caches.delete(metadata["name"])
                    self._tasks.append(asyncio.create_task(self._remove_folder(metadata["name"]), name=f"remove the folder of {metadata['name']}"))
            elif kind != "Pod":
                for pod in [each for each in self._pods.values() if each.namespace == metadata.get("namespace")]:
                    pod.refresh(kind, metadata["name"])
            elif change.type == "DELETED" and (found := self._pods.get(metadata["uid"])):
                self._tasks.append(asyncio.create_task(self.delete(found), name=f"end pod {metadata['name']}"))
                self._tasks = [task for task in self._tasks if not task.done()]
            elif change.type == "DELETED":
                self._delete_folder(change.object)

    async def _remove_folder(self, namespace: str) -> None:
        """Remove the empty folder of a deleted namespace, once its last pod has ended."""
        for _ in range(FOLDER_REMOVAL_SECONDS):
            if not any(pod.namespace == namespace for pod in self._pods.values()):
                with suppress(OSError):  # it did not exist, or a new namespace of this name has pods
                    (self.node.pods_folder / namespace).rmdir()
                return
            await asyncio.sleep(1.0)

    def _delete_folder(self, object: Object) -> None:
        """Delete the log of a Job's pod, which stayed as long as the object."""
        self.node.trash.discard(self.node.pods_folder / object["metadata"]["namespace"] / object["metadata"]["name"])

    def _clean_up_previous_run(self) -> None:
        """Delete pods of revisions, which are created again on demand, and fail unfinished pods of Jobs.

        No process of the previous run is left.
        """
        store = self.node.store
        for object in store.list("Pod"):
            metadata, status = object["metadata"], object.get("status") or {}
            with suppress(NotFound):
                if not any(owner["kind"] == "Job" for owner in metadata.get("ownerReferences") or ()):
                    store.delete("Pod", metadata["namespace"], metadata["name"])
                elif status.get("phase") not in FINISHED:
                    conditions = {"DisruptionTarget": Condition("True", "TerminationByKubelet", "knative/local stopped while this pod ran")}
                    failed = {**status, "phase": "Failed", "reason": "NodeLost", "message": conditions["DisruptionTarget"].message}
                    failed["conditions"] = condition_entries(conditions, [], now())
                    store.set_status("Pod", metadata["namespace"], metadata["name"], failed)
        for folder in self.node.pods_folder.glob("*/*"):
            if store.find("Pod", folder.parent.name, folder.name) is None:
                self.node.trash.discard(folder)


def pod_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pod spec of a revision. A probe without a port gets the container's."""

    def with_port(probe: Mapping[str, Any], port: int) -> dict[str, Any]:
        actions = {kind: {**probe[kind], "port": probe[kind].get("port") or port} for kind in ("httpGet", "tcpSocket") if probe.get(kind) is not None}
        return {**probe, **actions}

    def with_ports(container: Mapping[str, Any]) -> dict[str, Any]:
        port = container_port(container)
        probes = {name: with_port(container[name], port) for name in ("readinessProbe", "livenessProbe") if container.get(name)}
        return {**container, **probes}

    containers = [with_ports(container) for container in spec["containers"]]
    fields = {field: value for field, value in spec.items() if field not in ("containerConcurrency", "timeoutSeconds")}
    return {**fields, "containers": containers}
