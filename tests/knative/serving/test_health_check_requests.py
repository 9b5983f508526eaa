"""The ingress does not measure the platform's own requests to applications: deploy's real adapter, a real ingress, a real pod."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest

from functions.deploy.adapters.application_requests import HttpApplicationRequests
from functions.runtime.config.settings import Settings
from functions.wire.health_checks import HEADER, sign_health_check
from tests.knative.serving.one_pod import OK, OneRoute, Pod, answers, measuring_ingress

KEY = "k" * 48
FAILS = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"


class Shop:
    """An application behind an ingress."""

    def __init__(self, pod: Pod, port: int, routing: OneRoute) -> None:
        self.url = f"http://shop.localhost:{port}"
        self.heads, self.measured = pod.heads, routing.measured

    async def visit(self, headers: list[tuple[str, str]] | None = None, method: str = "GET", path: str = "/") -> None:
        target = httpx.URL(self.url).copy_with(host="127.0.0.1", path=path)
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.request(method, target, headers=[("host", "shop.localhost"), *(headers or [])])


@pytest.fixture(params=[(KEY, OK)], ids=[""])
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """`request.param`: the ingress' key, and the application's response."""
    key, response = request.param
    pod = answers(response)
    async with measuring_ingress(pod, *filter(None, key.split(","))) as (port, routing):
        yield Shop(pod, port, routing)


def requests_of(key: str) -> HttpApplicationRequests:
    return HttpApplicationRequests(Settings({"CAPSULE_HEALTH_CHECK_KEY": key}))


def signed(key: str = KEY, host: str = "shop.localhost", target: str = "/", now: float | None = None) -> tuple[str, str]:
    return HEADER, sign_health_check(key, host, target, time.time() if now is None else now)


@pytest.mark.parametrize("shop", [(f"{'n' * 48},{KEY}", OK)], indirect=True, ids=[""])
async def test_while_the_key_is_rotated_the_former_one_is_accepted(shop: Shop) -> None:
    assert await requests_of(KEY).find_failure(shop.url, "/") is None
    assert await requests_of(f"{'n' * 48},{KEY}").find_failure(shop.url, "/") is None
    assert shop.measured == [] and len(shop.heads) == 2


@pytest.mark.parametrize("path", ["/", "/health?deep=1", "/größe and space"])
async def test_the_check_before_success_is_not_measured(shop: Shop, path: str) -> None:
    assert await requests_of(KEY).find_failure(shop.url, path) is None
    await shop.visit()
    assert len(shop.heads) == 2 and shop.measured == [200], "the visitor's request only"
    assert HEADER.encode() + b":" not in shop.heads[0].lower(), "the application could send the header again"


@pytest.mark.parametrize("shop", [(KEY, FAILS)], indirect=True, ids=[""])
async def test_a_check_that_fails_is_not_measured_either(shop: Shop) -> None:
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


@pytest.mark.parametrize("shop", [("", OK)], indirect=True, ids=[""])
async def test_without_a_key_every_request_is_measured(shop: Shop) -> None:
    await shop.visit([signed()])
    assert await requests_of("").find_failure(shop.url, "/") is None
    assert shop.measured == [200, 200]
    assert all(HEADER.encode() + b":" not in head.lower() for head in shop.heads)
