"""Open the gateway with what its process has: RabbitMQ, the keys of access tokens, and settings."""

from os import environ, getpid
from socket import gethostname

from functions.edge.gateway.api_tokens import ApiTokenExchange
from functions.edge.gateway.ended_sessions import EndedSessions, SessionVerifier
from functions.edge.gateway.gateway import Gateway
from functions.edge.gateway.installed import installed, installed_table
from functions.edge.gateway.options import Options
from functions.kernel import Clock
from functions.runtime.config.clock import SystemClock
from functions.runtime.config.settings import Settings
from functions.runtime.config.telemetry import open_tracer
from functions.runtime.config.variables import AMQP_URL
from functions.runtime.messaging.bus import Bus
from functions.runtime.security.encryption import Sealer
from functions.runtime.security.tokens import AccessTokens
from functions.wire.execution_counts import EXECUTIONS_COUNTED

FIRST_LIST_SECONDS = 8.0
"""How long the start may wait for the list of ended sessions, without which no token is accepted."""


async def open_edge(settings: Settings, clock: Clock | None = None) -> Gateway:
    """Open the gateway. It connects to RabbitMQ in the background and responds with 503 until it is connected."""
    bus = Bus(settings.following(AMQP_URL), name="edge.gateway", timeout_seconds=2.0, replies=True)
    clock = clock or SystemClock()
    sessions = EndedSessions(bus, clock)
    sealer = Sealer(settings)
    verifier = SessionVerifier(AccessTokens(settings), sessions, ApiTokenExchange(bus, sealer.seal, clock))
    tracer = open_tracer(settings, "capsule-gateway", f"{gethostname()}-{getpid()}")
    gateway = Gateway(installed(), bus, verifier, sealer, clock, Options.read(settings), tracer, installed_table())
    sessions.follow()
    gateway.purges.follow(bus)
    bus.receive(EXECUTIONS_COUNTED, gateway.on_executions_counted)
    bus.open()
    if environ.get("LISTEN_FDS") == "1":  # connections wait in the backlog of an inherited socket; a request would be answered with 503
        await sessions.wait_until_current(FIRST_LIST_SECONDS)
    return gateway
