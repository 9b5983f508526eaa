"""Serve the functions of this process: `python -m functions.runtime.serving.serve`, the image's default command.

uvicorn on uvloop, one process, one event loop. It listens on `PORT` (Knative's contract), or on the socket that a parent
handed over (`LISTEN_FDS`, sd_listen_fds(3)). Python as PID 1 ignores SIGTERM, so there is a handler: stop accepting, finish
requests in flight, publish committed events, close, exit.

Messages arrive as HTTP requests from the Broker's dispatcher. Where the environment names queues, the process also consumes
them itself (`queue_consumer`).
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
import uvloop
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from functions.runtime.config.registry import UnknownFunction
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import BIND, PORT
from functions.runtime.config.wiring import NothingProvides
from functions.runtime.serving.fault_responses import answer_faults
from functions.runtime.serving.graceful_protocol import GracefulHttpProtocol
from functions.runtime.serving.idle_server import IdleServer
from functions.runtime.serving.process import Process
from functions.wire.attach_channels import MAX_MESSAGE_BYTES
from functions.wire.queue_consumption import ACTIVITY, PodActivity, consumed_queues
from functions.wire.settings import InvalidSetting, MissingSetting

if TYPE_CHECKING:
    from functions.runtime.serving.queue_consumer import QueueConsumer

FIRST_INHERITED_DESCRIPTOR = 3
DRAIN_TIMEOUT_SECONDS = 20
IDLE_CONNECTION_SECONDS = 120
"""How long a connection stays open without a request. Longer than the proxy before it keeps one for its next request: queue-proxy 90 s, as Go's
http.DefaultTransport. A server that closes first may do so while a request arrives; with a body that is a 502, because it cannot be sent again."""
PONG_SECONDS = 600.0
"""How long a client may leave a WebSocket's ping unanswered. Pings wait behind data, and data behind a slow reader, such as a COPY behind a lock."""
CONSUME_AFTER_SECONDS = 0.3
"""A process consumes its queues so long after it has connected: the message for which it was started is pushed to it, and its answer comes first."""
GC_THRESHOLDS = (200_000, 20, 100)
"""Messages leave few reference cycles, so cyclic garbage is collected rarely: it was a third of a busy function's CPU."""


def listening_socket() -> socket.socket:
    """Return the inherited socket, or a new one on `PORT`. `CAPSULE_BIND` restricts it to an address (one machine: loopback)."""
    if os.environ.get("LISTEN_FDS") == "1":
        return socket.socket(fileno=FIRST_INHERITED_DESCRIPTOR)
    host, port = BIND.read(os.environ), PORT.read(os.environ)
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    bound.listen(1024)
    return bound


class Server(IdleServer):
    """Drains before the process exits. uvicorn raises the signal again after its shutdown, which would end the process first."""

    process: Process
    consumer: "QueueConsumer | None" = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.process.drain()
        if self.consumer is not None:
            await self.consumer.stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.handle_exit, name, None)
        yield


async def serve() -> int:
    """Run until a signal. Returns the exit code: 1 if the functions cannot be composed."""
    process = Process(Settings())
    try:
        await process.start()
    except (UnknownFunction, MissingSetting, InvalidSetting, NothingProvides) as error:
        logging.getLogger("capsule").error("%s", error)
        return 1
    app = application(process)
    server = server_of(app, process)
    server.consumer = _start_consumer(app, process)
    await server.serve(sockets=[listening_socket()])
    await process.stop()
    return 0


def server_of(app: ASGIApp, process: Process) -> Server:
    """Return the HTTP server of a process."""
    config = uvicorn.Config(
        with_websockets(app, process) if process.has_websockets else app,
        http=GracefulHttpProtocol,
        ws="websockets-sansio" if process.has_websockets else "none",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_timeout=PONG_SECONDS,
        lifespan="off",
        access_log=False,
        log_config=None,
        timeout_keep_alive=IDLE_CONNECTION_SECONDS,
        timeout_graceful_shutdown=DRAIN_TIMEOUT_SECONDS,
        server_header=False,
        proxy_headers=False,  # which proxies to trust is the gateway's decision (CAPSULE_TRUSTED_PROXIES)
    )
    server = Server(config)
    server.process = process
    return server


def application(process: Process) -> ASGIApp:
    """Return the ASGI application of a process.

    Every request of every path goes to the process, without a router, middleware or framework in between: those answer some
    requests themselves (/robots.txt, other methods than seven), were a tenth of the gateway's CPU, and functions-framework
    imports Flask, a fifth of a cold start.
    """

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        response = await process.handle(Request(scope, receive, send))
        await response(scope, receive, send)

    return answer_faults(respond)


def with_websockets(app: ASGIApp, process: Process) -> ASGIApp:
    """Pass WebSockets to the function."""

    async def serve_either(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await process.handle_websocket(WebSocket(scope, receive, send))
        else:
            await app(scope, receive, send)

    return serve_either


def _start_consumer(app: Any, process: Process) -> "QueueConsumer | None":
    queues = consumed_queues(os.environ)
    if not queues or process.bus is None:
        return None
    from functions.runtime.serving.queue_consumer import QueueConsumer  # only where configured

    consumer = QueueConsumer(app, queues, PodActivity(ACTIVITY.read(os.environ)), process.handle_message)

    def on_connected(connection: Any) -> None:
        asyncio.get_running_loop().call_later(CONSUME_AFTER_SECONDS, consumer.on_connected, connection)

    process.bus.on_connected(on_connected)
    return consumer


def run() -> int:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    gc.set_threshold(*GC_THRESHOLDS)
    code: int = uvloop.run(serve())
    return code


if __name__ == "__main__":
    sys.exit(run())
