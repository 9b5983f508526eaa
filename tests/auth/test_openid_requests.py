"""Requests to providers that are slow or down: they take a bounded time, and no other provider waits for them. Real connections on loopback."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from functions.auth.adapters import openid_connect
from functions.auth.adapters.openid_connect import Http, OpenIdConnect
from functions.auth.domain.identity import IdentityProvider
from functions.kernel import Transient
from tests.auth.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider


class SlowServer:
    """Sends a byte of its answer now and then, and never ends. `connections`: how many were opened."""

    def __init__(self) -> None:
        self.connections = 0
        self.is_asked = asyncio.Event()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.issuer = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.is_asked.set()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not writer.is_closing() and not reader.at_eof():
            writer.write(b" ")
            await asyncio.sleep(0.02)
        writer.close()

    def stop(self) -> None:
        self._server.close()


@pytest.fixture
async def slow() -> AsyncIterator[SlowServer]:
    server = SlowServer()
    await server.start()
    yield server
    server.stop()


@pytest.fixture
async def oidc() -> AsyncIterator[OpenIdConnect]:
    async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
        yield OpenIdConnect(Http(client))


def provider_of(issuer: str) -> IdentityProvider:
    return IdentityProvider("corp", "Example", issuer, CLIENT_ID, CLIENT_SECRET)


async def test_a_slow_provider_ends_after_a_time_and_is_not_asked_again_at_once(
    oidc: OpenIdConnect, slow: SlowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openid_connect, "REQUEST_SECONDS", 0.3)
    results = await asyncio.gather(*(oidc.metadata(provider_of(slow.issuer)) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(each, Transient) and "TimeoutError" in str(each) for each in results) and slow.connections == 1
    monkeypatch.setattr(openid_connect, "FAILURE_SECONDS", 0.0)
    with pytest.raises(Transient, match="TimeoutError"):
        await oidc.metadata(provider_of(slow.issuer))
    assert slow.connections == 2


async def test_no_other_provider_waits_for_a_slow_one(oidc: OpenIdConnect, slow: SlowServer) -> None:
    other = OpenIdProvider()
    waiting = asyncio.create_task(oidc.metadata(provider_of(slow.issuer)))
    try:
        await asyncio.wait_for(slow.is_asked.wait(), 5)
        document = await asyncio.wait_for(oidc.metadata(provider_of(other.issuer)), 5)
        assert document["issuer"] == other.issuer and not waiting.done()
    finally:
        waiting.cancel()
        other.close()


async def test_a_provider_that_is_back_is_used(oidc: OpenIdConnect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openid_connect, "FAILURE_SECONDS", 0.0)
    provider = OpenIdProvider()
    answer, provider._get = provider._get, lambda path, query, authorization: (503, {})  # type: ignore[method-assign]
    with pytest.raises(Transient, match="503"):
        await oidc.metadata(provider_of(provider.issuer))
    provider._get = answer  # type: ignore[method-assign]
    assert (await oidc.metadata(provider_of(provider.issuer)))["issuer"] == provider.issuer
    provider.close()
