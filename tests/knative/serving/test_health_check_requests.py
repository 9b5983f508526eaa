"""The ingress does not measure the platform's own requests to applications: deploy's real adapter, a real ingress, a real pod."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from functions.deploy.adapters.application_requests import HttpApplicationRequests
from functions.runtime.config.settings import Settings
from functions.wire.health_checks import HEADER, sign_health_check
from knative.local.serving.http.clients import Clients
from knative.local.serving.http.server import ClientConnection
from knative.local.serving.http.upstreams import Upstreams
from knative.local.serving.ingress import Ingress
from knative.local.serving.pods.network import PodNetworks
from knative.local.serving.routing import RouteEntry

KEY = "k" * 48
ROUTE = RouteEntry("app-x", "shop", "uid", "shop.localhost", ())


class Shop:
    """An application behind an ingress. `status`: of its answers."""

    def __init__(self) -> None:
        self.status = 200
        self.heads: list[bytes] = []
        self.measured: list[int] = []
        """The status of each measured request."""
        self.url = ""
        self.table = SimpleNamespace(by_host=lambda host: (ROUTE, None) if host == ROUTE.host else None)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 %d Answer\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % self.status)
        await writer.drain()
        writer.close()

    def scaler(self, route: object, target: object) -> Any:
        async def acquire(timeout: float) -> Any:
            return SimpleNamespace(port=self.port)

        return SimpleNamespace(name="shop-00001", timeout_seconds=60.0, acquire=acquire, release=lambda pod: None)

    def record_request(self, route: object, revision: str, status: int, seconds: float) -> None:
        self.measured.append(status)

    async def visit(self, headers: list[tuple[str, str]] | None = None, method: str = "GET", path: str = "/") -> None:
        target = httpx.URL(self.url).copy_with(host="127.0.0.1", path=path)
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.request(method, target, headers=[("host", "shop.localhost"), *(headers or [])])


@pytest.fixture(params=[KEY])
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """`request.param`: the ingress' key."""
    shop = Shop()
    backend = await asyncio.start_server(shop.serve, "127.0.0.1", 0)
    shop.port = backend.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    upstreams, clients = Upstreams(PodNetworks().connect), Clients()
    ingress = Ingress(shop, upstreams, 0, request.param)  # type: ignore[arg-type]
    server = await asyncio.get_running_loop().create_server(lambda: ClientConnection(ingress.serve, clients), "127.0.0.1", 0)
    shop.url = f"http://shop.localhost:{server.sockets[0].getsockname()[1]}"
    yield shop
    for connection in clients:
        connection.close()
    upstreams.close()
    server.close()
    backend.close()


def requests_of(key: str) -> HttpApplicationRequests:
    return HttpApplicationRequests(Settings({"CAPSULE_HEALTH_CHECK_KEY": key}))


def signed(key: str = KEY, host: str = "shop.localhost", target: str = "/", now: float | None = None) -> tuple[str, str]:
    return HEADER, sign_health_check(key, host, target, time.time() if now is None else now)


@pytest.mark.parametrize("path", ["/", "/health?deep=1", "/größe and space"])
async def test_the_check_before_success_is_not_measured(shop: Shop, path: str) -> None:
    assert await requests_of(KEY).find_failure(shop.url, path) is None
    await shop.visit()
    assert len(shop.heads) == 2 and shop.measured == [200], "the visitor's request only"
    assert HEADER.encode() + b":" not in shop.heads[0].lower(), "the application could send the header again"


async def test_a_check_that_fails_is_not_measured_either(shop: Shop) -> None:
    shop.status = 500
    failure = await requests_of(KEY).find_failure(shop.url, "/")
    assert failure is not None and failure.reason == "failing-requests"
    await shop.visit()
    assert shop.measured == [500]


@pytest.mark.parametrize(
    ("header", "method", "path"),
    [
        (signed("x" * 48), "GET", "/"),
        (signed(host="other.localhost"), "GET", "/"),
        (signed(target="/health"), "GET", "/"),
        (signed(), "GET", "/health"),
        (signed(), "POST", "/"),
        (signed(), "HEAD", "/"),
        (signed(now=time.time() - 3600), "GET", "/"),
        (signed(now=time.time() + 3600), "GET", "/"),
        ((HEADER, "1"), "GET", "/"),
        ((HEADER, ""), "GET", "/"),
        (("Capsule_Health_Check", signed()[1]), "GET", "/"),
        (("user-agent", "Capsule-Health-Check/1"), "GET", "/"),
    ],
)
async def test_no_other_request_is_free(shop: Shop, header: tuple[str, str], method: str, path: str) -> None:
    await shop.visit([header], method, path)
    assert shop.measured == [200]
    assert b"capsule-health-check:" not in shop.heads[0].lower().replace(b"_", b"-"), "the ingress removes it, valid or not"


@pytest.mark.parametrize("shop", [""], indirect=True)
async def test_without_a_key_every_request_is_measured(shop: Shop) -> None:
    await shop.visit([signed()])
    assert await requests_of("").find_failure(shop.url, "/") is None
    assert shop.measured == [200, 200]
    assert all(HEADER.encode() + b":" not in head.lower() for head in shop.heads)
