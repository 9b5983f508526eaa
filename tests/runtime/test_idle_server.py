"""The server at rest: it wakes once a second, and ends at once on request."""

import asyncio
import socket
import time
from types import SimpleNamespace
from typing import cast

import httpx
import uvicorn
from starlette.applications import Starlette

from functions.runtime.serving.idle_server import IdleServer
from functions.runtime.serving.process import Process
from functions.runtime.serving.serve import Server, server_of
from knative.local.api.server import _Server


class Counted(IdleServer):
    ticks = 0

    async def on_tick(self, counter: int) -> bool:
        self.ticks += 1
        return await super().on_tick(counter)


async def test_it_wakes_once_a_second_and_ends_at_once() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = Counted(uvicorn.Config(Starlette(), lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(f"http://127.0.0.1:{port}/")
    assert response.headers["date"].endswith("GMT")
    ticks = server.ticks
    await asyncio.sleep(1.5)
    assert 1 <= server.ticks - ticks <= 2
    told_at = time.monotonic()
    server.should_exit = True
    await asyncio.wait_for(serving, 5)
    assert time.monotonic() - told_at < 0.8, "before the next tick"


def test_functions_and_the_api_are_served_by_it() -> None:
    assert issubclass(Server, IdleServer) and issubclass(_Server, IdleServer)


def test_a_proxy_closes_idle_connections_and_not_the_server() -> None:
    """queue-proxy keeps one for 90 s (Go's http.DefaultTransport); a request on one that the server is closing is a 502."""
    config = server_of(Starlette(), cast(Process, SimpleNamespace(has_websockets=False))).config
    assert config.timeout_keep_alive > 90
