"""`python -m functions.runtime.serving.serve`: what the platform's image runs. uvicorn on uvloop, one process, one event loop.

The port is Knative's `PORT`; a listening socket handed over in systemd's way (`LISTEN_FDS`, sd_listen_fds(3)) is preferred. A Python
process that is PID 1 has no handler for SIGTERM and would linger for the whole revision timeout, so there is one: stop accepting, finish
what is under way, publish what is owed, close, exit.

On one machine a warm process may take its messages from its queue itself instead of being sent each over HTTP; knative/local says so in the
environment, and its `eventing.consumer` then calls the same application.
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
from typing import cast

import uvicorn
import uvloop
from functions_framework.aio import create_asgi_app_from_module
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from functions.runtime.config.registry import UnknownFunction
from functions.runtime.config.settings import MissingSetting, Settings
from functions.runtime.config.wiring import NothingProvides
from functions.runtime.serving import main
from functions.runtime.serving.process import Process
from functions.wire.transport import CoalescingTransport
from knative.local.eventing.consumer import Consumer

FIRST_HANDED_OVER = 3
DRAIN_SECONDS = 20


def listening_socket() -> socket.socket:
    """The socket that was handed over, or a new one on `PORT`. On one machine `CAPSULE_BIND` keeps it on loopback."""
    if os.environ.get("LISTEN_FDS") == "1":
        return socket.socket(fileno=FIRST_HANDED_OVER)
    host, port = os.environ.get("CAPSULE_BIND", "0.0.0.0"), int(os.environ.get("PORT", "8080"))
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    bound.listen(1024)
    return bound


class Http(HttpToolsProtocol):
    """The head and the body of an answer in one write."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, CoalescingTransport(transport)))


class Server(uvicorn.Server):
    """uvicorn raises the signal that ended it once more when it has shut down, which would end the process before it has drained."""

    consumer: Consumer | None = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
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
    process = Process(Settings())
    try:
        await process.start()
    except (UnknownFunction, MissingSetting, NothingProvides) as error:
        logging.getLogger("capsule").error("%s", error)
        return 1
    main.serving(process)
    app = create_asgi_app_from_module(main.TARGET, main.__file__, "http", main, main.__spec__)
    config = uvicorn.Config(
        app,
        http=Http,
        lifespan="off",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        server_header=False,
        proxy_headers=False,  # whom to believe is the gateway's to decide (CAPSULE_TRUSTED_PROXIES)
    )
    server = Server(config)
    server.consumer = Consumer.of(os.environ, app, process.take)
    if server.consumer is not None and process.bus is not None:
        process.bus.on_connected(server.consumer.connected)
    await server.serve(sockets=[listening_socket()])
    await process.stop()
    return 0


def run() -> int:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    gc.set_threshold(200_000, 20, 100)  # what a message leaves behind is freed by its count; looking for circles was a third of a busy function
    code: int = uvloop.run(serve())
    return code


if __name__ == "__main__":
    sys.exit(run())
