"""Which revision a request is for, and the way from it to a pod.

`Table` is what the ingress and the dispatchers look up, kept by the Routes: by name each Route, by host name the one Route that owns it
(`host_claims`). `Services` is how the dispatchers of eventing call a Service inside of this process: no host name, no ingress, the same buffering
and the same limits.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from knative.local.objects import Object
from knative.local.serving.host_claims import HostClaims, Precedence
from knative.local.serving.http_upstreams import Answer, Upstreams
from knative.local.serving.node import PLATFORM_NAMESPACES, Node
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
    created: str = ""
    since: Mapping[str, str] = field(default_factory=dict)
    """host -> when it was claimed, for those that were not claimed when the Route was created."""

    @classmethod
    def of(
        cls, route: Object, host: str | None, targets: Iterable[Target], tag_host: Callable[[str], str], since: Mapping[str, str] | None = None
    ) -> "Entry":
        metadata = route["metadata"]
        known = {key: metadata[key] for key in ("name", "namespace", "uid", "labels", "annotations") if key in metadata}
        service = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": known}
        targets = tuple(targets)
        tags = {tag_host(target.tag).lower(): target for target in targets if target.tag and host is not None}
        host = host.lower() if host is not None else None
        created = metadata.get("creationTimestamp", "")
        return cls(metadata["namespace"], metadata["name"], metadata["uid"], host, targets, tags, service, created, since or {})

    @property
    def key(self) -> "Key":
        return self.namespace, self.name

    def claims(self) -> dict[str, tuple[Precedence, "Destination"]]:
        """Every host at which it wants to answer. A tag that makes the Route's own host is not heard."""
        destinations: dict[str, Target | None] = {**self.tags, self.host: None} if self.host is not None else {}
        is_tenant = self.namespace not in PLATFORM_NAMESPACES
        return {
            host: (Precedence(is_tenant, self.since.get(host, self.created), self.created, self.uid), (self, target))
            for host, target in destinations.items()
        }

    def pick(self, dice: float) -> Target | None:
        """`dice` in [0, 1)."""
        total = sum(target.percent for target in self.targets)
        point = dice * total
        for target in self.targets:
            point -= target.percent
            if point < 0:
                return target
        return None


Key = tuple[str, str]
"""namespace, name"""
Destination = tuple[Entry, Target | None]
"""None: a target is picked by the entry's percentages."""


class Table:
    """The Routes of this machine. A host that several claim is one's, see `host_claims`; the others are found by their names only."""

    def __init__(self) -> None:
        self._routes: dict[Key, Entry] = {}
        self._claims: HostClaims[Key, Destination] = HostClaims()

    def put(self, entry: Entry) -> set[Key]:
        """Returns the other Routes that gained or lost a host by it."""
        self._routes[entry.key] = entry
        return self._claims.replace(entry.key, entry.claims())

    def remove(self, namespace: str, name: str, uid: str) -> set[Key]:
        """Returns the Routes that own one of its hosts now. Nothing happens when another object of that name is there already."""
        found = self._routes.get((namespace, name))
        if found is None or found.uid != uid:
            return set()
        del self._routes[namespace, name]
        return self._claims.remove((namespace, name))

    def conflicts(self, namespace: str, name: str) -> list[str]:
        """The hosts that this Route claims and another owns, sorted."""
        return self._claims.lost((namespace, name))

    def owner(self, host: str) -> Key | None:
        claim = self._claims.owner(host)
        return claim.claimant if claim is not None else None

    def by_host(self, host: str) -> Destination | None:
        """`host`: in lower case, without a port."""
        claim = self._claims.owner(host)
        return claim.value if claim is not None else None

    def by_name(self, namespace: str, name: str) -> Entry | None:
        return self._routes.get((namespace, name))


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
            self._node.collector.add_request(entry.service, revision, status, seconds)


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
