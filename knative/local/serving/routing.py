"""Which revision a request is for, and the way from it to a pod.

`Table` is what the ingress and the dispatchers look up, kept by the Routes; `Services` is how the dispatchers of eventing call a Service
inside of this process: no host name, no ingress, the same buffering and the same limits.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from knative.local.objects import Object
from knative.local.serving.http_upstreams import Answer, Upstreams
from knative.local.serving.node import Node
from knative.local.serving.pods import Pod
from knative.local.serving.revisions import Revisions
from knative.local.serving.scaler import Scaler
from knative.local.serving.waiting import Unavailable

__all__ = ["Answer", "Entry", "Routing", "Services", "Table", "Target", "Unavailable"]

PATIENCE = 60.0
"""How long a request waits for a pod when its sender named no time."""


@dataclass(frozen=True, slots=True)
class Target:
    revision: str
    percent: int
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    namespace: str
    name: str
    uid: str
    host: str | None
    """None: it is cluster-local."""
    targets: tuple[Target, ...]
    tags: Mapping[str, Target] = field(default_factory=dict)
    """host -> the one revision"""
    service: Object = field(default_factory=dict)
    """What the collector is told of: its metadata."""

    @classmethod
    def of(cls, route: Object, host: str | None, targets: Iterable[Target], tag_host: Callable[[str], str]) -> "Entry":
        metadata = route["metadata"]
        known = {key: metadata[key] for key in ("name", "namespace", "uid", "labels", "annotations") if key in metadata}
        service = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": known}
        targets = tuple(targets)
        tags = {tag_host(target.tag): target for target in targets if target.tag and host is not None}
        return cls(metadata["namespace"], metadata["name"], metadata["uid"], host, targets, tags, service)

    def pick(self, dice: float) -> Target | None:
        """`dice` in [0, 1)."""
        total = sum(target.percent for target in self.targets)
        point = dice * total
        for target in self.targets:
            point -= target.percent
            if point < 0:
                return target
        return None


class Table:
    def __init__(self) -> None:
        self._routes: dict[tuple[str, str], Entry] = {}
        self._hosts: dict[str, tuple[Entry, Target | None]] = {}

    def put(self, entry: Entry) -> None:
        self._drop(entry.namespace, entry.name)
        self._routes[entry.namespace, entry.name] = entry
        if entry.host is not None:
            self._hosts[entry.host] = (entry, None)
            self._hosts.update({host: (entry, target) for host, target in entry.tags.items()})

    def remove(self, namespace: str, name: str, uid: str) -> None:
        found = self._routes.get((namespace, name))
        if found is not None and found.uid == uid:
            self._drop(namespace, name)

    def by_host(self, host: str) -> tuple[Entry, Target | None] | None:
        return self._hosts.get(host.partition(":")[0].lower())

    def by_name(self, namespace: str, name: str) -> Entry | None:
        return self._routes.get((namespace, name))

    def _drop(self, namespace: str, name: str) -> None:
        found = self._routes.pop((namespace, name), None)
        if found is not None:
            self._hosts = {host: (entry, target) for host, (entry, target) in self._hosts.items() if entry is not found}


class Routing:
    """From an entry of the table to a pod."""

    def __init__(self, node: Node, table: Table, revisions: Revisions) -> None:
        self.table = table
        self._node, self._revisions = node, revisions

    def scaler(self, entry: Entry, target: Target | None = None) -> Scaler:
        target = target or entry.pick(random.random())
        scaler = self._revisions.find(entry.namespace, target.revision) if target is not None else None
        if scaler is None:
            raise Unavailable(f"{entry.name} has no revision that is ready")
        return scaler

    def consuming(self, namespace: str, service: str) -> bool:
        """Whether the pods of its one revision take its messages themselves."""
        entry = self.table.by_name(namespace, service)
        if entry is None or len(entry.targets) != 1:
            return False
        scaler = self._revisions.find(namespace, entry.targets[0].revision)
        return scaler is not None and scaler.consuming

    def measured(self, entry: Entry, revision: str, status: int, seconds: float) -> None:
        if self._node.collector is not None:
            self._node.collector.request(entry.service, revision, status, seconds)


class Services(Protocol):
    async def request(
        self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> Answer: ...


class Direct:
    """`Services` as the dispatchers use it."""

    def __init__(self, routing: Routing, upstreams: Upstreams) -> None:
        self._routing, self._upstreams = routing, upstreams

    async def request(self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
        """Raises Unavailable (no pod in time), ConnectionError (it broke off), TimeoutError (no answer in time)."""
        entry = self._routing.table.by_name(namespace, service)
        if entry is None:
            raise Unavailable(f"there is no Service {namespace}/{service}")
        scaler = self._routing.scaler(entry)
        limit = min(timeout, scaler.timeout)
        async with asyncio.timeout(limit):
            pod = await scaler.acquire(limit)
            try:
                return await self._ask(pod, entry.host or f"{service}.{namespace}.svc.cluster.local", method, path, headers, body)
            finally:
                scaler.release(pod)

    async def _ask(self, pod: Pod, host: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        assert pod.port is not None
        given = {name.lower(): value for name, value in headers.items() if name.lower() not in ("host", "content-length", "transfer-encoding")}
        lines = [f"{method} {path} HTTP/1.1", f"host: {host}", *(f"{name}: {value}" for name, value in given.items())]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"content-length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        if b"\n" in head.replace(b"\r\n", b""):
            raise ValueError("a header holds a line break")
        return await self._upstreams.exchange(pod.port, method, head, body)
