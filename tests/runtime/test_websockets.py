"""A function that serves WebSockets is served by the same protocol as all others, which ignores offers of other protocols."""

import asyncio
import socket

import uvicorn
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from functions.runtime.serving.graceful_protocol import GracefulHttpProtocol


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    websocket = WebSocket(scope, receive, send)
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text[::-1])


async def test_a_websocket_is_accepted_and_outlives_the_timers_of_requests() -> None:
    config = uvicorn.Config(
        echo, http=GracefulHttpProtocol, ws="websockets-sansio", lifespan="off", log_config=None, timeout_keep_alive=1, access_log=False
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    async with connect(f"ws://127.0.0.1:{listening.getsockname()[1]}/", proxy=None) as client:
        await client.send("abc")
        assert await client.recv() == "cba"
        await asyncio.sleep(1.2)  # longer than a connection may wait for its next request
        await client.send("def")
        assert await client.recv() == "fed"
    server.should_exit = True
    await running
