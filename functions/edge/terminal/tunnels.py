"""Tunnels to data services: a WebSocket for each TCP connection, all with the ticket of one tunnel.

One task for each tunnel looks whether its connections may stay, however many there are.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from uuid import UUID

from starlette.websockets import WebSocket

from functions.edge.gateway.ended_sessions import EndedSessions
from functions.edge.terminal.byte_relay import ByteRelay
from functions.edge.terminal.grants import ACCESS_TIMEOUT_SECONDS, Grants, Refused, TunnelGrant
from functions.edge.terminal.stream_proxy import CHECK_SECONDS, IDLE_SECONDS, Ending
from functions.kernel import Clock, Unavailable
from functions.wire.tunnel_messages import CHUNK_BYTES

MAX_CONNECTIONS, MAX_CONNECTIONS_OF_ACCOUNT = 200, 50
"""Of one instance of this function."""
CONNECT_SECONDS = 10.0


@dataclass
class _OpenTunnel:
    """A tunnel with connections. `watch`: returns when they may not stay, and why."""

    watch: asyncio.Task[Ending]
    connections: int = 0


class Tunnels:
    def __init__(self, grants: Grants, sessions: EndedSessions, clock: Clock) -> None:
        self._grants, self._sessions, self._clock = grants, sessions, clock
        self._open: dict[UUID, _OpenTunnel] = {}
        self._connections: Counter[UUID] = Counter()
        """Of each account."""

    async def admit(self, ticket: str) -> TunnelGrant:
        """Return what a ticket allows a new connection. Raises Refused, Unavailable."""
        grant = await self._grants.find_tunnel(ticket)
        if grant.accepts_until <= self._clock.now():
            raise Refused("The tunnel accepts no new connections: its hour is over. Open another one.")
        if grant.session_id is not None and await self._sessions.has_ended(grant.session_id):
            raise Refused(Ending.SESSION_ENDED.reason)
        return grant

    @asynccontextmanager
    async def connection(self, grant: TunnelGrant, ticket: str, websocket: WebSocket) -> AsyncIterator[ByteRelay]:
        """Connect to the service, and count the connection while the block runs. Raises Unavailable."""
        if self._connections.total() >= MAX_CONNECTIONS or self._connections[grant.user_id] >= MAX_CONNECTIONS_OF_ACCOUNT:
            raise Unavailable(f"Too many connections are open, {self._connections[grant.user_id]} of them in your account.", retry_after=5)
        self._connections[grant.user_id] += 1
        try:
            reader, writer = await _connect(grant)
            try:
                with self._watched(grant, ticket) as ending:
                    yield ByteRelay(websocket, reader, writer, ending, IDLE_SECONDS)
            finally:
                writer.close()
        finally:
            self._connections[grant.user_id] -= 1
            if not self._connections[grant.user_id]:
                del self._connections[grant.user_id]

    @contextmanager
    def _watched(self, grant: TunnelGrant, ticket: str) -> Iterator[Awaitable[Ending]]:
        """What ends the connections of a tunnel, while one of them is open."""
        tunnel = self._open.get(grant.id)
        if tunnel is None:
            tunnel = self._open[grant.id] = _OpenTunnel(asyncio.create_task(self._watch(grant, ticket)))
        tunnel.connections += 1
        try:
            yield asyncio.shield(tunnel.watch)
        finally:
            tunnel.connections -= 1
            if not tunnel.connections:
                tunnel.watch.cancel()
                del self._open[grant.id]

    async def _watch(self, grant: TunnelGrant, ticket: str) -> Ending:
        while True:
            if (ending := await self._find_ending(grant, ticket)) is not None:
                return ending
            await asyncio.sleep(CHECK_SECONDS)

    async def _find_ending(self, grant: TunnelGrant, ticket: str) -> Ending | None:
        """None too while ended sessions or the access cannot be read: silence and the end of the tunnel still close its connections."""
        try:
            if grant.session_id is not None and await self._sessions.has_ended(grant.session_id):
                return Ending.SESSION_ENDED
            if self._clock.now() >= grant.ends_at:
                return Ending.TUNNEL_ENDED
            await self._grants.find_tunnel(ticket, ACCESS_TIMEOUT_SECONDS)
        except Refused:
            return Ending.CONNECT_ENDED
        except Unavailable:
            return None
        return None


async def _connect(grant: TunnelGrant) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises Unavailable."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.open_connection(grant.host, grant.port, limit=CHUNK_BYTES)
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"The server of {grant.service} does not accept connections. Try again.", retry_after=5) from error
