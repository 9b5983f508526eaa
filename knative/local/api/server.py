"""The HTTPS server of the API on 127.0.0.1. Creates certificates and the administrator's kubeconfig if they are missing."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from functions.runtime.serving.idle_server import IdleServer
from functions.wire.attach_channels import MAX_MESSAGE_BYTES
from knative.local.api.app import API
from knative.local.api.attach import FindStreams
from knative.local.definitions import Definitions
from knative.local.settings import LOOPBACK, Settings
from knative.local.store import Store
from knative.local.tls import Certificates, certificates
from knative.local.tokens import Tokens, write_kubeconfig

log = logging.getLogger(__name__)

CLOSE_TIMEOUT_SECONDS = 1


class PortInUse(OSError): ...


class _Server(IdleServer):
    """A server without signal handlers: the process has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class APIServer:
    """A Runnable."""

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        settings: Settings,
        tokens: Tokens,
        find_streams: FindStreams,
        metrics: Callable[[], bytes],
        is_ready: Callable[[], bool],
    ) -> None:
        """`metrics` returns them in Prometheus' text format. `is_ready`: what `/readyz` answers."""
        self._settings = settings
        self._tokens = tokens
        self._api = API(store, definitions, settings, tokens, find_streams, metrics, is_ready)
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        listener = _listener(self._settings.api_port)
        files = await asyncio.to_thread(certificates, self._settings.state / "tls")
        config = uvicorn.Config(
            self._api.app(), ssl_certfile=str(files.certificate), ssl_keyfile=str(files.key), lifespan="off", log_config=None, access_log=False,
            http="httptools", ws="websockets-sansio", ws_max_size=MAX_MESSAGE_BYTES,
            timeout_graceful_shutdown=CLOSE_TIMEOUT_SECONDS, timeout_keep_alive=75, server_header=False, backlog=512,
        )  # fmt: skip
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve([listener]), name="api")
        while not self._server.started:
            if self._task.done():
                await self._task
                raise RuntimeError("the API did not start")
            await asyncio.sleep(0.005)
        self._write_kubeconfig(files)
        log.info("Kubernetes-shaped API on %s, kubeconfig %s", self._settings.api_url, self._settings.kubeconfig)

    async def stop(self) -> None:
        if self._server is None or self._task is None:
            return
        self._api.closing.set()
        self._server.should_exit = True
        await self._task

    def _write_kubeconfig(self, files: Certificates) -> None:
        authority = files.authority.read_bytes()
        write_kubeconfig(self._settings.kubeconfig, self._settings, authority, self._tokens.administrator, "kubernetes-admin", "capsule")


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise PortInUse(f"{LOOPBACK}:{port} is in use by another process. Stop it or set CAPSULE_PORT_OFFSET.") from error
    return listener
