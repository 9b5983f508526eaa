"""Resolve destinations (a reference, a URI, or both) to addresses, and send events to them.

Knative Services are called inside this process, which also wakes them from zero. Brokers are published to. Everything
else is HTTP. A URI with the cluster-local host of a Service or Broker addresses that Service or Broker.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urljoin, urlsplit

from functions.wire.knative_requests import Response
from knative.local.eventing.ingress import Brokers, broker_host, parse_broker_host
from knative.local.objects import Object, reference_kind
from knative.local.serving.request_queue import Unavailable
from knative.local.store import Store

if TYPE_CHECKING:
    import aiohttp

SERVICE = "Service.serving.knative.dev"
BROKER = "Broker.eventing.knative.dev"
STARTUP_SECONDS = 15.0
"""After the start of this process, until Services have their pods again."""
STARTUP_POLL_SECONDS = 0.05
CONNECTIONS_PER_HOST = 100
NO_TIMEOUT_SECONDS = 7 * 24 * 3600.0
"""Without delivery.timeout the dispatcher waits as long as the Service does."""


class ServiceResponse(Protocol):
    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> bytes: ...


class Services(Protocol):
    """Knative Services, as serving offers them. An exception means that there was no response."""

    async def request(
        self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> ServiceResponse: ...


class SinkNotFound(Exception):
    """A destination cannot be resolved, or not yet."""


class NoResponse(Exception):
    """The connection was refused or broken, or the timeout passed."""


class SinkKind(Enum):
    SERVICE = "service"
    BROKER = "broker"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Address:
    """A resolved destination. `namespace`, `name` and `path` are set for Services and Brokers."""

    url: str
    kind: SinkKind
    namespace: str = ""
    name: str = ""
    path: str = "/"


class Sinks:
    def __init__(self, store: Store, services: Services, brokers: Brokers) -> None:
        self._store = store
        self._services = services
        self._brokers = brokers
        self._http: aiohttp.ClientSession | None = None
        self._startup_ends_at = 0.0

    def resolve(self, destination: Mapping[str, Any], namespace: str) -> Address:
        """Resolve a Destination of an object in `namespace`. Raises SinkNotFound."""
        reference, uri = destination.get("ref"), destination.get("uri")
        if reference is None:
            if not uri or not urlsplit(uri).scheme:
                raise SinkNotFound(f"destination needs a ref or an absolute uri, not {uri!r}")
            return self._resolve_uri(uri)
        kind, name = reference_kind(reference), reference["name"]
        target_namespace = reference.get("namespace") or namespace
        match kind:
            case "Service.serving.knative.dev":
                sink_kind = SinkKind.SERVICE
            case "Broker.eventing.knative.dev":
                sink_kind = SinkKind.BROKER
            case _:
                raise SinkNotFound(f"{kind} is not addressable here: use a Knative Service or a Broker")
        object = self._store.find(kind, target_namespace, name)
        if object is None:
            raise SinkNotFound(f"{kind} {target_namespace}/{name} does not exist")
        base = object.get("status", {}).get("address", {}).get("url")
        if not base:
            raise SinkNotFound(f"{kind} {target_namespace}/{name} has no address yet")
        url = urljoin(base.rstrip("/") + "/", uri) if uri else base
        return Address(url, sink_kind, target_namespace, name, _path(url))

    def _resolve_uri(self, uri: str) -> Address:
        host = (urlsplit(uri).hostname or "").lower()
        if (broker := parse_broker_host(host)) is not None:
            return Address(uri, SinkKind.BROKER, *broker, _path(uri))
        for domain in (".svc.cluster.local", ".svc"):
            name, _, namespace = host.removesuffix(domain).partition(".")
            if host.endswith(domain) and self._store.find(SERVICE, namespace, name) is not None:
                return Address(uri, SinkKind.SERVICE, namespace, name, _path(uri))
        return Address(uri, SinkKind.HTTP)

    async def send(self, address: Address, headers: Mapping[str, str], body: bytes, timeout_seconds: float | None) -> Response:
        """POST an event and return the response. Raises NoResponse."""
        match address.kind:
            case SinkKind.BROKER:
                return await self._brokers.handle_request(address.namespace, address.name, "POST", address.path, headers, body)
            case SinkKind.HTTP:
                return await self._post(address.url, headers, body, timeout_seconds)
            case SinkKind.SERVICE:
                return await self._call_service(address, headers, body, timeout_seconds or NO_TIMEOUT_SECONDS)

    async def _call_service(self, address: Address, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Response:
        """Call a Knative Service. Without a pod the response is 503, as the activator's; shortly after the start of this process the call waits
        instead, since the Service's pods are still being started."""
        if not all(map(str.isascii, headers.values())):
            headers = {name: value.encode().decode("latin-1") for name, value in headers.items()}  # Go writes UTF-8 into headers
        while True:
            try:
                response = await self._services.request(address.namespace, address.name, "POST", address.path, headers, body, timeout_seconds)
            except Unavailable as error:
                if self._store.find(SERVICE, address.namespace, address.name) is None:
                    raise NoResponse(str(error)) from error
                if asyncio.get_running_loop().time() > self._startup_ends_at:
                    return Response(503, {"Content-Type": "text/plain; charset=utf-8"}, str(error).encode())
                await asyncio.sleep(STARTUP_POLL_SECONDS)
            except ConnectionError as error:  # as queue-proxy answers on a cluster
                return Response(502, {"Content-Type": "text/plain; charset=utf-8"}, str(error).encode())
            except Exception as error:
                raise NoResponse(str(error) or type(error).__name__) from error
            else:
                return Response(response.status, response.headers, response.body)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float | None) -> Response:
        import aiohttp  # 15 MB of memory that only machines with external sinks need

        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit_per_host=CONNECTIONS_PER_HOST), auto_decompress=False)
        try:
            async with self._http.post(
                url, data=body, headers=headers, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=timeout_seconds)
            ) as response:
                return Response(response.status, dict(response.headers), await response.read())
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise NoResponse(str(error) or type(error).__name__) from error

    async def start(self) -> None:
        self._startup_ends_at = asyncio.get_running_loop().time() + STARTUP_SECONDS

    async def stop(self) -> None:
        if self._http is not None:
            await self._http.close()


def _path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def broker_url(broker: Object) -> str:
    return f"http://{broker_host(broker['metadata']['name'], broker['metadata']['namespace'])}"
