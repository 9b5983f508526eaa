"""A node in a folder: container logs as containerd and the kubelet write them, pods, and a recorder in place of RabbitMQ."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from functions.wire.knative_events import Event
from knative.collector.outgoing import PublishFailed

APPLICATION_ID = str(UUID(int=7))


def pod(name: str = "hello-1", namespace: str = "app-hello", **labels: str) -> dict[str, Any]:
    """A pod of a Knative revision, as `pods.NodePods` has it."""
    known = {
        "capsule.dev/collect": "true",
        "capsule.dev/application": APPLICATION_ID,
        "capsule.dev/environment": "production",
        "serving.knative.dev/service": "hello-production",
        "serving.knative.dev/revision": "hello-production-00001",
    }
    return {
        "metadata": {
            "name": name, "namespace": namespace, "uid": f"uid-{name}", "creationTimestamp": "2026-11-30T08:00:00Z",
            "labels": {**known, **labels}, "annotations": {"capsule.dev/observation-seconds": "10"},
        },
        "spec": {"initContainers": [], "containers": [{"name": "web"}, {"name": "queue-proxy"}]},
        "status": {"podIP": "10.1.2.3", "conditions": [{"type": "Ready", "status": "True"}]},
    }  # fmt: skip


@dataclass
class Container:
    """The log of one container: `0.log` and its rotated files."""

    folder: Path
    name: str = "0.log"
    rotations: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def path(self) -> Path:
        return self.folder / self.name

    def write(self, *lines: str, stream: str = "stdout", tag: str = "F") -> None:
        with self.path.open("a") as file:
            for line in lines:
                file.write(f"2026-11-30T08:00:00.{file.tell():09d}Z {stream} {tag} {line}\n")

    def rotate(self) -> Path:
        """Rename the file, as the kubelet does. The next `write` makes a new one, as the runtime does."""
        self.rotations += 1
        renamed = self.folder / f"{self.name}.20261130-0800{self.rotations:02d}"
        self.path.rename(renamed)
        return renamed


@dataclass
class Node:
    logs: Path
    pods: list[dict[str, Any]] = field(default_factory=lambda: [pod()])
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    requests: str = ""
    """The metrics of each queue-proxy. Empty: none answers."""
    resources: str = ""

    def __post_init__(self) -> None:
        self.synced.set()

    def all(self) -> list[dict[str, Any]]:
        return self.pods

    def container(self, pod: dict[str, Any] | None = None, container: str = "web") -> Container:
        metadata = (pod or self.pods[0])["metadata"]
        return Container(self.logs / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}" / container)

    async def request_metrics(self, address: str) -> str:
        if not self.requests:
            raise OSError("connection refused")
        return self.requests

    async def resource_metrics(self) -> str:
        return self.resources


@dataclass
class Inbox:
    """Receives events as a context does: one with an id that it knows is not counted again. Without `confirms` the publisher does not learn that
    it was received."""

    confirms: bool = True
    is_reachable: bool = True
    ids: list[str] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def publish(self, event: Event) -> None:
        if not self.is_reachable:
            raise PublishFailed("RabbitMQ does not answer")
        if event.get("id") not in self.ids:
            self.ids.append(event.get("id"))
            self.events.append((event.get("type"), json.loads(event.data)))
        if not self.confirms:
            raise PublishFailed("not confirmed in time")

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [entry for type, data in self.events if type == "logs.collected" for entry in data["entries"]]

    @property
    def lines(self) -> list[str]:
        return [entry["line"] for entry in self.entries]

    def windows(self, type: str) -> list[dict[str, Any]]:
        return [window for each, data in self.events if each == type for window in data["windows"]]
