"""Handle one connection: redeem its ticket, find the pod or the data service, connect, pass messages on, log."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from functions.edge.gateway.ended_sessions import EndedSessions
from functions.edge.terminal.cluster import Cluster
from functions.edge.terminal.grants import Grant, Grants, Refused
from functions.edge.terminal.stream_proxy import CHECK_SECONDS, Ending, StreamProxy
from functions.edge.terminal.tunnels import Tunnels
from functions.kernel import Clock, Unavailable
from functions.runtime.config.clock import SystemClock
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import AMQP_URL
from functions.runtime.messaging.bus import Bus
from functions.wire.attach_channels import V5
from functions.wire.cloudevents import stamp
from functions.wire.problems import MEDIA_TYPE, document
from functions.wire.tunnel_messages import PROTOCOL

MAX_CONNECTIONS, MAX_CONNECTIONS_OF_ACCOUNT = 200, 10
"""Of one instance of this function."""
PROBLEMS = {
    401: ("unauthenticated", "The request has no valid ticket"),
    403: ("forbidden", "The connection was refused"),
    426: ("upgrade-required", "This address serves WebSockets only"),
    503: ("unavailable", "The terminal is unavailable"),
}
"""Status → slug and title."""
POD_TIMEOUT_SECONDS = 120.0
POLL_SECONDS = 0.2


class Terminal:
    def __init__(self, bus: Bus, sessions: EndedSessions, cluster: Cluster, clock: Clock) -> None:
        self._bus, self._sessions, self._cluster, self._clock = bus, sessions, cluster, clock
        self._grants = Grants(bus, clock)
        self._tunnels = Tunnels(self._grants, sessions, clock)
        self._connections: Counter[UUID] = Counter()
        """Of each account."""

    async def close(self) -> None:
        await self._bus.close()

    async def handle(self, request: Request) -> Response:
        """Respond to what is no WebSocket: probes."""
        if request.url.path in ("/livez", "/healthz"):
            return Response("ok\n", media_type="text/plain")
        if request.url.path == "/readyz":
            return Response(
                "ok\n" if self._bus.connected else "RabbitMQ is not connected\n", 200 if self._bus.connected else 503, media_type="text/plain"
            )
        return _problem(426, "This address serves WebSockets only: capsule run COMMAND, capsule services shell NAME", {"upgrade": "websocket"})

    async def handle_websocket(self, websocket: WebSocket) -> None:
        scheme, _, ticket = websocket.headers.get("authorization", "").partition(" ")
        try:
            offered = set(websocket.scope["subprotocols"])
            if scheme.lower() != "bearer" or not ticket or offered.isdisjoint({V5, PROTOCOL}):
                await _deny(websocket, 401, f"Send a ticket as Authorization: Bearer, and offer the subprotocol {V5} or {PROTOCOL}.")
                return
            if PROTOCOL in offered:
                await self._connect_to_service(websocket, ticket.strip())
                return
            grant = await self._grants.redeem(ticket.strip())
            if grant.session_id is not None and await self._sessions.has_ended(grant.session_id):
                raise Refused("The session has ended. Sign in again.")
            await self._serve(websocket, grant)
        except Refused as refused:
            await _deny(websocket, 403, str(refused))
        except Unavailable as unavailable:
            await _deny(websocket, 503, str(unavailable.detail))
        except WebSocketDisconnect:
            return  # the client has left while it was attached

    async def _connect_to_service(self, websocket: WebSocket, ticket: str) -> None:
        """Raises Refused, Unavailable."""
        grant = await self._tunnels.admit(ticket)
        began, ending = time.monotonic(), Ending.CLIENT_LEFT
        async with self._tunnels.connection(grant, ticket, websocket) as relay:
            try:
                await websocket.accept(PROTOCOL)
                ending = await relay.run()
                if websocket.client_state is WebSocketState.CONNECTED:
                    await websocket.close(*ending.value)
            finally:
                _write_line(
                    {
                        "log": "tunnel",
                        "at": stamp(self._clock.now()),
                        "actor": str(grant.user_id),
                        "application": str(grant.application_id),
                        "tunnel": str(grant.id),
                        "service": grant.service,
                        "ending": ending.name.lower().replace("_", "-"),
                        "seconds": round(time.monotonic() - began, 1),
                        "sentBytes": relay.sent_bytes,
                        "receivedBytes": relay.received_bytes,
                    }
                )

    async def _serve(self, websocket: WebSocket, grant: Grant) -> None:
        if self._connections.total() >= MAX_CONNECTIONS or self._connections[grant.user_id] >= MAX_CONNECTIONS_OF_ACCOUNT:
            raise Unavailable(f"Too many terminals are open, {self._connections[grant.user_id]} of them in your account.", retry_after=5)
        self._connections[grant.user_id] += 1
        began, ending = time.monotonic(), Ending.CLIENT_LEFT
        try:
            ending = await self._attach(websocket, grant)
        finally:
            self._connections[grant.user_id] -= 1
            if not self._connections[grant.user_id]:
                del self._connections[grant.user_id]
            self._log(grant, ending, time.monotonic() - began)

    async def _attach(self, websocket: WebSocket, grant: Grant) -> Ending:
        pod = await self._await_pod(grant)
        container = await self._cluster.attach(grant, pod)
        try:
            await websocket.accept(V5)
            proxy = StreamProxy(
                grant, websocket, container, self._clock, lambda: self._find_ending(grant), lambda: self._grants.record_attachment(grant)
            )
            ending = await proxy.run()
        finally:
            await container.close()
        if websocket.client_state is WebSocketState.CONNECTED:
            await websocket.close(*ending.value)
        return ending

    async def _find_ending(self, grant: Grant) -> Ending | None:
        """Raises Unavailable."""
        if grant.session_id is not None and await self._sessions.has_ended(grant.session_id):
            return Ending.SESSION_ENDED
        return None if await self._grants.is_allowed(grant) else Ending.ACCESS_ENDED

    async def _await_pod(self, grant: Grant) -> str:
        """Raises Refused when the command, the session or the user's access ends or the time is up, Unavailable."""
        loop = asyncio.get_running_loop()
        deadline, checked_at = loop.time() + POD_TIMEOUT_SECONDS, loop.time()
        while (pod := await self._grants.find_pod(grant)) is None:
            if loop.time() > deadline:
                raise Refused(f"The command has not started within {POD_TIMEOUT_SECONDS:g} s. It may start later: capsule runs attach {grant.run_id}")
            if loop.time() - checked_at >= CHECK_SECONDS:
                if (ending := await self._find_ending(grant)) is not None:
                    raise Refused(ending.reason)
                checked_at = loop.time()
            await asyncio.sleep(POLL_SECONDS)
        return pod

    def _log(self, grant: Grant, ending: Ending, seconds: float) -> None:
        _write_line(
            {
                "log": "terminal",
                "at": stamp(self._clock.now()),
                "actor": str(grant.user_id),
                "application": str(grant.application_id),
                "run": str(grant.run_id),
                "ending": ending.name.lower().replace("_", "-"),
                "seconds": round(seconds, 1),
            }
        )


def _write_line(line: Mapping[str, object]) -> None:
    sys.stderr.buffer.write(orjson.dumps(line) + b"\n")
    sys.stderr.buffer.flush()


def _problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A problem document (RFC 9457), as the gateway answers."""
    slug, title = PROBLEMS[status]
    return Response(orjson.dumps(document(slug, title, status, detail)), status, headers, MEDIA_TYPE)


async def _deny(websocket: WebSocket, status: int, detail: str) -> None:
    """Answer instead of accepting, or close what is accepted."""
    if websocket.application_state is WebSocketState.CONNECTING:
        headers = {"www-authenticate": "Bearer"} if status == 401 else {}
        await websocket.send_denial_response(_problem(status, detail, headers))
    elif websocket.client_state is WebSocketState.CONNECTED:
        await websocket.close(1011, detail[:120])


async def open_edge(settings: Settings, clock: Clock | None = None) -> Terminal:
    """Open the function. It connects to RabbitMQ in the background."""
    bus = Bus(settings.following(AMQP_URL), name="edge.terminal", timeout_seconds=2.0, replies=True)
    clock = clock or SystemClock()
    sessions = EndedSessions(bus, clock)
    sessions.follow()
    bus.open()
    return Terminal(bus, sessions, Cluster(settings), clock)
