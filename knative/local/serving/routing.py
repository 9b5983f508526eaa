"""From a host or a Service to the scaler of a revision.

`RoutingTable` holds the Routes: each by its name, and by host name the one Route that owns the host (`host_claims`).
The reconciler of Routes writes it; the ingress and the dispatchers read it. `Services` is how the dispatchers of
eventing call a Service within this process: without host name and ingress, with the same buffering and the same limits.
"""

import asyncio
import random
import ssl
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from knative.local.objects import Object
from knative.local.own_hosts import OwnHosts
from knative.local.records import interned
from knative.local.serving.callees import callees, wake_later
from knative.local.serving.domains import Domain, Domains
from knative.local.serving.host_claims import HostClaims, Precedence
from knative.local.serving.http.exchange import Exchange
from knative.local.serving.http.upstreams import Response, Upstreams
from knative.local.serving.naming import Maintenance, has_waking_page, internal_host, maintenance_of, stop_message
from knative.local.serving.node import PLATFORM_NAMESPACES, Node
from knative.local.serving.pods.pod import Pod
from knative.local.serving.request_queue import Unavailable
from knative.local.serving.revisions import Revisions
from knative.local.serving.scaler import Scaler

__all__ = ["Response", "RouteEntry", "Routing", "RoutingTable", "Services", "TrafficTarget", "Unavailable"]

DEFAULT_TIMEOUT_SECONDS = 60.0
"""How long a request waits for a pod at least."""


@dataclass(frozen=True, slots=True)
class TrafficTarget:
    revision: str
    percent: int
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """A Route in the table."""

    namespace: str
    name: str
    uid: str
    host: str | None
    """In lower case; None: the Route is cluster-local."""
    targets: tuple[TrafficTarget, ...]
    tag_hosts: Mapping[str, TrafficTarget] = field(default_factory=dict)
    """Host of a tag → its revision."""
    service: Object = field(default_factory=dict)
    """What the collector needs of the Service: its name and labels."""
    created_at: str = ""
    stop_message: str | None = None
    """What visitors read; None: it is not stopped."""
    maintenance: Maintenance | None = None
    """What visitors get; None: they reach it."""
    has_waking_page: bool = False
    claimed_at: Mapping[str, str] = field(default_factory=dict)
    """Host → when it was claimed. Hosts that are not in it were claimed when the Route was created."""

    @classmethod
    def of(
        cls,
        route: Object,
        host: str | None,
        targets: Iterable[TrafficTarget],
        tag_host: Callable[[str], str],
        claimed_at: Mapping[str, str] | None = None,
    ) -> "RouteEntry":
        """`tag_host`: tag → host."""
        metadata = route["metadata"]
        known = {"name": metadata["name"], "namespace": metadata["namespace"], "labels": interned(metadata.get("labels") or {})}
        service = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": known}
        targets = tuple(targets)
        tag_hosts = {tag_host(target.tag).lower(): target for target in targets if target.tag and host is not None}
        host = host.lower() if host is not None else None
        annotations = metadata.get("annotations")
        return cls(
            metadata["namespace"],
            metadata["name"],
            metadata["uid"],
            host,
            targets,
            tag_hosts,
            service,
            created_at=metadata.get("creationTimestamp", ""),
            stop_message=stop_message(annotations),
            maintenance=maintenance_of(annotations),
            has_waking_page=has_waking_page(annotations),
            claimed_at=claimed_at or {},
        )

    @property
    def key(self) -> "Key":
        return self.namespace, self.name

    def claims(self) -> dict[str, tuple[Precedence, "Destination"]]:
        """Return the hosts that the Route claims. Its own host comes before a tag's host of the same name."""
        destinations: dict[str, TrafficTarget | None] = {**self.tag_hosts, self.host: None} if self.host is not None else {}
        is_tenant = self.namespace not in PLATFORM_NAMESPACES
        return {
            host: (Precedence(is_tenant, self.claimed_at.get(host, self.created_at), self.created_at, self.uid), (self, target))
            for host, target in destinations.items()
        }

    def pick(self, fraction: float) -> TrafficTarget | None:
        """Return the target at a fraction in [0, 1) of the traffic; None when no target has traffic."""
        total = sum(target.percent for target in self.targets)
        point = fraction * total
        for target in self.targets:
            point -= target.percent
            if point < 0:
                return target
        return None


Key = tuple[str, str]
"""namespace, name"""
Destination = tuple[RouteEntry, TrafficTarget | None]
"""None: a target is picked by the Route's percentages."""


class RoutingTable:
    """The Routes of this machine.

    A host that several Routes claim belongs to one of them (`host_claims`); the others are found by name only.
    """

    def __init__(self, own_hosts: OwnHosts | None = None) -> None:
        """`own_hosts`: names of the operator, beside the hosts that Routes claim."""
        self._own_hosts = own_hosts or OwnHosts()
        self.domains = Domains()
        self._routes: dict[Key, RouteEntry] = {}
        self._claims: HostClaims[Key, Destination] = HostClaims()

    def put(self, entry: RouteEntry) -> set[Key]:
        """Add or replace a Route. Returns the other Routes that gained or lost a host."""
        self._routes[entry.key] = entry
        return self._claims.replace(entry.key, entry.claims())

    def remove(self, namespace: str, name: str, uid: str) -> set[Key]:
        """Remove a Route.

        Returns the Routes that now own one of its hosts. Does nothing when another object has the name already.
        """
        found = self._routes.get((namespace, name))
        if found is None or found.uid != uid:
            return set()
        del self._routes[namespace, name]
        return self._claims.remove((namespace, name))

    def conflicts(self, namespace: str, name: str) -> list[str]:
        """Return the hosts that this Route claims and another Route owns, sorted."""
        return self._claims.conflicts((namespace, name))

    def owner(self, host: str) -> Key | None:
        claim = self._claims.owner(host)
        return claim.claimant if claim is not None else None

    def by_host(self, host: str) -> Destination | None:
        """`host`: in lower case, without a port."""
        claim = self._claims.owner(host)
        if claim is not None:
            return claim.value
        return self._by_own_host(host) or self._by_domain(host)

    def domain(self, host: str) -> Domain | None:
        """The domain of a tenant, if nothing that comes before it has the host."""
        domain = self.domains.find(host)
        return domain if domain is not None and self._claims.owner(host) is None and self._by_own_host(host) is None else None

    def certificate(self, host: str) -> ssl.SSLContext | None:
        """What serves a handshake for the domain of a tenant; None: it has no certificate."""
        domain = self.domain(host)
        return domain.context if domain is not None else None

    def _by_domain(self, host: str) -> Destination | None:
        domain = self.domains.find(host)
        route = self._routes.get((domain.namespace, domain.service)) if domain is not None else None
        return (route, None) if route is not None and route.host is not None else None

    def _by_own_host(self, host: str) -> Destination | None:
        """Applications' domain leads to no Service of the platform: those that the operator makes public have settings of their own."""
        if (service := self._own_hosts.services.get(host)) is not None:
            routes = (self._routes.get((namespace, service)) for namespace in PLATFORM_NAMESPACES)
            return next(((route, None) for route in routes if route is not None), None)
        local = self._own_hosts.local_host(host)
        claim = self._claims.owner(local) if local is not None else None
        return claim.value if claim is not None and claim.claimant[0] not in PLATFORM_NAMESPACES else None

    def by_name(self, namespace: str, name: str) -> RouteEntry | None:
        return self._routes.get((namespace, name))


class Routing:
    """Finds the scaler of a Route's revision."""

    def __init__(self, node: Node, table: RoutingTable, revisions: Revisions) -> None:
        self.table = table
        self._node, self._revisions = node, revisions

    def scaler(self, entry: RouteEntry, target: TrafficTarget | None = None) -> Scaler:
        """Return the scaler of a target; None: of a revision picked by the Route's percentages. Raises Unavailable."""
        target = target or entry.pick(random.random())
        scaler = self._revisions.find(entry.namespace, target.revision) if target is not None else None
        if scaler is None:
            raise Unavailable(f"{entry.name} has no ready revision.")
        return scaler

    def scaler_of_request(self, entry: RouteEntry, target: TrafficTarget | None, exchange: Exchange) -> Scaler:
        """As `scaler`, and start what the request will call (`callees`)."""
        scaler = self.scaler(entry, target)
        wake_later(callees(scaler, exchange), lambda service: self.wake(entry.namespace, service))
        return scaler

    def wake(self, namespace: str, service: str) -> None:
        """Start a pod of a Service that has none. Does nothing if there is no such Service, or it cannot have one."""
        entry = self.table.by_name(namespace, service)
        with suppress(Unavailable):
            if entry is not None:
                self.scaler(entry).wake()

    def is_consuming(self, namespace: str, service: str) -> bool:
        """Return whether the Service has one revision whose pods consume their messages themselves."""
        entry = self.table.by_name(namespace, service)
        if entry is None or len(entry.targets) != 1:
            return False
        scaler = self._revisions.find(namespace, entry.targets[0].revision)
        return scaler is not None and scaler.is_consuming

    def record_request(self, entry: RouteEntry, revision: str, status: int, seconds: float) -> None:
        if self._node.collector is not None:
            self._node.collector.add_request(entry.service, revision, status, seconds)


class Services(Protocol):
    async def request(
        self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> Response: ...


class StartFailed(Exception):
    """A pod that got a request while it was starting has ended before it was ready. Whether it has read the request is unknown."""


async def call_early(pod: Pod, call: Coroutine[Any, Any, Response]) -> Response:
    """Await the response of a pod that is starting. Raises StartFailed; what `call` raises, if the pod was ready before."""
    calling = asyncio.create_task(call)
    try:
        either: set[asyncio.Future[Any]] = {calling, pod.start}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not calling.done() and pod.start.result():
            await asyncio.wait({calling})
        if calling.done() and calling.exception() is None:
            return calling.result()
        if await pod.start:
            return await calling
        raise StartFailed
    finally:
        calling.cancel()


class ServiceCaller:
    """Implements `Services`."""

    def __init__(self, routing: Routing, upstreams: Upstreams) -> None:
        self._routing, self._upstreams = routing, upstreams

    async def request(
        self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> Response:
        """Call a Service.

        Raises Unavailable (no pod in time), ConnectionError (the pod closed the connection), TimeoutError (no answer in
        time).
        """
        entry = self._routing.table.by_name(namespace, service)
        if entry is None:
            raise Unavailable(f"Service {namespace}/{service} does not exist.")
        scaler = self._routing.scaler(entry)
        timeout_seconds = min(timeout, scaler.timeout_seconds)
        async with asyncio.timeout(timeout_seconds):
            while True:
                pod = await scaler.acquire(timeout_seconds, may_start=True)
                try:
                    call = self._call(pod, entry.host or internal_host(service, namespace), method, path, headers, body)
                    return await (call_early(pod, call) if pod.accepts_early else call)
                except StartFailed:
                    continue  # the next pod is one that is ready
                finally:
                    scaler.release(pod)

    async def _call(self, pod: Pod, host: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        assert pod.port is not None
        forwarded = {name.lower(): value for name, value in headers.items() if name.lower() not in ("host", "content-length", "transfer-encoding")}
        lines = [f"{method} {path} HTTP/1.1", f"host: {host}", *(f"{name}: {value}" for name, value in forwarded.items())]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"content-length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        if b"\n" in head.replace(b"\r\n", b""):
            raise ValueError("a header contains a line break")
        return await self._upstreams.request(pod.port, method, head, body)
