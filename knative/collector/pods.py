"""The collected pods of this node, from the Kubernetes API: one list, then a watch."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from knative.collector.cluster_api import ClusterApi
from knative.collector.release_reports import OBSERVATION
from knative.collector.resources import COLLECT, Object

log = logging.getLogger(__name__)

PATH = "/api/v1/pods"
RETRY_SECONDS = 2.0
WATCH_SECONDS = 300
"""How long the API server keeps a watch open. A watch that lost its connection unnoticed ends so much later."""


class NodePods:
    """`node`: the name of this node. Use as `run()` in a task."""

    def __init__(self, api: ClusterApi, node: str) -> None:
        self._api = api
        self._selector = {"fieldSelector": f"spec.nodeName={node}", "labelSelector": f"{COLLECT}=true"}
        self._pods: dict[str, Object] = {}
        self.synced = asyncio.Event()
        """Set when the pods are known."""

    def all(self) -> list[Object]:
        return list(self._pods.values())

    async def run(self) -> None:
        while True:
            try:
                version = await self._list()
                while version:
                    version = await self._watch(version)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError) as error:
                log.warning("the pods of this node cannot be read from the Kubernetes API: %s", error or type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _list(self) -> str:
        """Return the version from which to watch."""
        document = await self._api.get(PATH, self._selector)
        self._pods = {pod["metadata"]["uid"]: _reduced(pod) for pod in document["items"]}
        self.synced.set()
        return str(document["metadata"]["resourceVersion"])

    async def _watch(self, version: str) -> str:
        """Follow changes until the server ends the watch. Returns the version reached; empty if it is too old, so that a list is needed."""
        parameters = {
            **self._selector,
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        async for line in self._api.stream(PATH, parameters, WATCH_SECONDS + 30):
            event: Mapping[str, Any] = orjson.loads(line)
            object = event["object"]
            if event["type"] == "ERROR":
                return ""
            version = object["metadata"]["resourceVersion"]
            match event["type"]:
                case "ADDED" | "MODIFIED":
                    self._pods[object["metadata"]["uid"]] = _reduced(object)
                case "DELETED":
                    self._pods.pop(object["metadata"]["uid"], None)
        return version


def is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _reduced(pod: Mapping[str, Any]) -> Object:
    """Return what the collector needs of a pod, and none of its environment."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    annotations = {OBSERVATION: value} if (value := (metadata.get("annotations") or {}).get(OBSERVATION)) else {}
    containers = {kind: [{"name": each["name"]} for each in spec.get(kind) or ()] for kind in ("initContainers", "containers")}
    kept = {name: metadata[name] for name in ("name", "namespace", "uid", "creationTimestamp")}
    return {
        "metadata": {**kept, "labels": dict(metadata.get("labels") or {}), "annotations": annotations},
        "spec": containers,
        "status": {"podIP": status.get("podIP", ""), "conditions": [each for each in status.get("conditions") or () if each.get("type") == "Ready"]},
    }
