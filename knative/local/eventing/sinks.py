"""Where events go: a Destination (a reference, a URI, or both) → an address → the answer of whoever is there.

Knative Services are called inside this process (they may be at zero, and wake by the call), Brokers are published to, anything else is
HTTP. A URI that names a Service or a Broker of this cluster by its cluster-local host means that Service or Broker.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urljoin, urlsplit

from knative.local.eventing.dispatch import Answer
from knative.local.eventing.ingress import Brokers, broker_of, host_of
from knative.local.objects import Object, reference_kind
from knative.local.serving.request_queue import Unavailable
from knative.local.store import Store

if TYPE_CHECKING:
    import aiohttp

SERVICE = "Service.serving.knative.dev"
BROKER = "Broker.eventing.knative.dev"
SETTLING = 15.0
"""seconds after the start in which Services come back with their pods"""
LOOK_AGAIN = 0.05
PER_HOST = 100
FOREVER = 7 * 24 * 3600.0
"""no delivery.timeout: the dispatcher waits as long as the Service does"""


class Answered(Protocol):
    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> bytes: ...


class Services(Protocol):
    """What serving offers. An exception means that nobody answered: refused, or not in time."""

    async def request(
        self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> Answered: ...


class Unresolved(Exception):
    """The destination leads nowhere (yet)."""


class NoAnswer(Exception):
    """Refused, broken off, or silent until the timeout."""


class Way(Enum):
    SERVICE = "service"
    BROKER = "broker"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Address:
    url: str
    way: Way
    namespace: str = ""
    name: str = ""
    path: str = "/"


class Sinks:
    def __init__(self, store: Store, services: Services, brokers: Brokers) -> None:
        self._store = store
        self._services = services
        self._brokers = brokers
        self._http: aiohttp.ClientSession | None = None
        self._settled = 0.0

    def resolve(self, destination: Mapping[str, Any], namespace: str) -> Address:
        reference, uri = destination.get("ref"), destination.get("uri")
        if reference is None:
            if not uri or not urlsplit(uri).scheme:
                raise Unresolved(f"destination needs a ref or an absolute uri, it has {uri!r}")
            return self._of_uri(uri)
        kind, name = reference_kind(reference), reference["name"]
        where = reference.get("namespace") or namespace
        match kind:
            case "Service.serving.knative.dev":
                way = Way.SERVICE
            case "Broker.eventing.knative.dev":
                way = Way.BROKER
            case _:
                raise Unresolved(f"{kind} is not addressable here: a Knative Service or a Broker is")
        object = self._store.find(kind, where, name)
        if object is None:
            raise Unresolved(f"{kind} {where}/{name} does not exist")
        base = object.get("status", {}).get("address", {}).get("url")
        if not base:
            raise Unresolved(f"{kind} {where}/{name} has no address yet")
        url = urljoin(base.rstrip("/") + "/", uri) if uri else base
        return Address(url, way, where, name, _path(url))

    def _of_uri(self, uri: str) -> Address:
        host = (urlsplit(uri).hostname or "").lower()
        if (broker := broker_of(host)) is not None:
            return Address(uri, Way.BROKER, *broker, _path(uri))
        for domain in (".svc.cluster.local", ".svc"):
            name, _, namespace = host.removesuffix(domain).partition(".")
            if host.endswith(domain) and self._store.find(SERVICE, namespace, name) is not None:
                return Address(uri, Way.SERVICE, namespace, name, _path(uri))
        return Address(uri, Way.HTTP)

    async def send(self, address: Address, headers: Mapping[str, str], body: bytes, timeout: float | None) -> Answer:
        """POST; NoAnswer when there is none."""
        match address.way:
            case Way.BROKER:
                return await self._brokers.answer(address.namespace, address.name, "POST", address.path, headers, body)
            case Way.HTTP:
                return await self._post(address.url, headers, body, timeout)
            case Way.SERVICE:
                return await self._call(address, headers, body, timeout or FOREVER)

    async def _call(self, address: Address, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
        """A Knative Service. One that has no pod to offer answers 503, as the activator does; while this process has only just begun, that
        is its own fault and not the Service's, and the message waits."""
        if not all(map(str.isascii, headers.values())):
            headers = {name: value.encode().decode("latin-1") for name, value in headers.items()}  # Go writes UTF-8 into headers
        while True:
            try:
                answer = await self._services.request(address.namespace, address.name, "POST", address.path, headers, body, timeout)
            except Unavailable as error:
                if self._store.find(SERVICE, address.namespace, address.name) is None:
                    raise NoAnswer(str(error)) from error
                if asyncio.get_running_loop().time() > self._settled:
                    return Answer(503, {"Content-Type": "text/plain; charset=utf-8"}, str(error).encode())
                await asyncio.sleep(LOOK_AGAIN)
            except ConnectionError as error:  # on a cluster the proxy beside the function says so
                return Answer(502, {"Content-Type": "text/plain; charset=utf-8"}, str(error).encode())
            except Exception as error:
                raise NoAnswer(str(error) or type(error).__name__) from error
            else:
                return Answer(answer.status, answer.headers, answer.body)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes, timeout: float | None) -> Answer:
        import aiohttp  # 15 MB that a machine whose sinks are all its own never needs

        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit_per_host=PER_HOST), auto_decompress=False)
        try:
            async with self._http.post(
                url, data=body, headers=headers, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=timeout)
            ) as response:
                return Answer(response.status, dict(response.headers), await response.read())
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswer(str(error) or type(error).__name__) from error

    async def start(self) -> None:
        self._settled = asyncio.get_running_loop().time() + SETTLING

    async def stop(self) -> None:
        if self._http is not None:
            await self._http.close()


def _path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def broker_url(broker: Object) -> str:
    return f"http://{host_of(broker['metadata']['name'], broker['metadata']['namespace'])}"
