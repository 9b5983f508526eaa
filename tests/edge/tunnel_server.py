"""The function that serves terminals, with tunnels to servers of a test, and a client as the command has it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from cli.tunnel import Tunnel
from functions.edge.terminal.cluster import Cluster
from functions.edge.terminal.grants import Refused, TunnelGrant
from functions.edge.terminal.terminal import Terminal
from functions.kernel import Unavailable
from functions.runtime.config.clock import SystemClock
from functions.runtime.config.settings import Settings
from functions.runtime.serving.serve import PONG_SECONDS
from functions.wire.attach_channels import MAX_MESSAGE_BYTES
from tests.waiting import wait_limit


@dataclass
class Deploy:
    """What deploy answers about tickets: each names the port of a service."""

    accepts_for: timedelta = timedelta(hours=1)
    ends_after: timedelta = timedelta(hours=12)
    refusal: str = ""
    is_unavailable: bool = False
    questions: int = 0
    ids: dict[str, UUID] = field(default_factory=dict)
    user_id: UUID = field(default_factory=uuid4)
    session_id: UUID = field(default_factory=uuid4)

    async def find_tunnel(self, ticket: str, timeout: float = 1.0) -> TunnelGrant:
        self.questions += 1
        if self.is_unavailable:
            raise Unavailable("deploy.service_tunnel does not answer.")
        if self.refusal:
            raise Refused(self.refusal)
        port, now = int(ticket), datetime.now(UTC)
        id = self.ids.setdefault(ticket, uuid4())
        return TunnelGrant(id, uuid4(), "main", self.user_id, self.session_id, "127.0.0.1", port, now + self.accepts_for, now + self.ends_after)


@dataclass
class Sessions:
    ended: set[UUID] = field(default_factory=set)

    async def has_ended(self, session_id: UUID) -> bool:
        return session_id in self.ended


@dataclass
class TunnelServer:
    url: str
    deploy: Deploy
    sessions: Sessions
    terminal: Terminal
    notes: list[str] = field(default_factory=list)

    def grant(self, port: int, **fields: Any) -> dict[str, Any]:
        until = datetime.now(UTC) + self.deploy.accepts_for
        return {"url": self.url, "ticket": str(port), "acceptsUntil": until.isoformat(), **fields}

    @asynccontextmanager
    async def tunnel(self, port: int) -> AsyncIterator[Tunnel]:
        """Open a tunnel to a port as the command does; `.port` is where it listens."""
        tunnel = Tunnel(lambda: self.grant(port), "", self.notes.append)
        await asyncio.to_thread(tunnel.__enter__)
        try:
            yield tunnel
        finally:
            await asyncio.to_thread(tunnel.__exit__, None, None, None)

    @property
    def open_connections(self) -> int:
        return self.terminal._tunnels._connections.total()


@asynccontextmanager
async def tunnel_server() -> AsyncIterator[TunnelServer]:
    deploy, sessions = Deploy(), Sessions()
    clock = SystemClock()
    terminal = Terminal(None, sessions, Cluster(Settings({})), clock)  # type: ignore[arg-type]
    terminal._tunnels._grants = deploy  # type: ignore[assignment]
    config = uvicorn.Config(
        Starlette(routes=[WebSocketRoute("/", terminal.handle_websocket)]),
        port=0,
        log_config=None,
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_timeout=PONG_SECONDS,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield TunnelServer(f"ws://127.0.0.1:{port}/", deploy, sessions, terminal)
    finally:
        server.should_exit = True
        await task


async def until(look: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(wait_limit(seconds)):
        while not look():  # noqa: ASYNC110  the condition is about another task
            await asyncio.sleep(0.01)


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=wait_limit(10))
    return connection
