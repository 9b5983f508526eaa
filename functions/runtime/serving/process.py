"""One process: the functions that `CAPSULE_FUNCTION` names, their databases, one connection to RabbitMQ.

`CAPSULE_FUNCTION` is `auth.register`, several names separated by commas, or a whole context as `auth.*` (small clusters; see
`grouping`). A request's path names its function (`/auth.register`), or the message's attribute `function` does (a tick, a
retry, a replay); without either the message's type decides. `edge.<name>` is an HTTP function of `functions/edge`, which
receives requests instead of messages.
"""

import asyncio
import importlib
import logging
import os
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import nullcontext
from socket import gethostname
from typing import Any, Protocol, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from functions.kernel import Clock, Declaration, Kind
from functions.runtime.config import variables
from functions.runtime.config.clock import SystemClock
from functions.runtime.config.registry import Registry, find, wiring_of
from functions.runtime.config.settings import Settings
from functions.runtime.config.telemetry import open_tracer
from functions.runtime.config.wiring import Container
from functions.runtime.execution.batches import Batches
from functions.runtime.execution.context import FunctionContext
from functions.runtime.execution.execution_log import ExecutionLog
from functions.runtime.execution.execution_metrics import ExecutionMetrics
from functions.runtime.execution.failures import CannotSettle
from functions.runtime.execution.function import Function
from functions.runtime.messaging.bus import BrokerUnavailable, Bus
from functions.runtime.reliability.dead_letter_router import FUNCTION as DEAD_LETTER_ROUTER
from functions.runtime.reliability.dead_letter_router import DeadLetterRouter
from functions.runtime.reliability.dead_letters import DeadLetters
from functions.runtime.reliability.email_suppressions import EmailSuppressions
from functions.runtime.reliability.housekeeping import Housekeeping
from functions.runtime.reliability.outbox_publisher import OutboxPublisher
from functions.runtime.reliability.resealing import Resealing
from functions.runtime.reliability.revoked_sessions import RevokedSessions
from functions.runtime.security.encryption import ContextVault, Opener
from functions.runtime.security.replay_signing import ReplaySigner
from functions.runtime.security.tokens import AccessTokens
from functions.runtime.serving import grouping
from functions.runtime.serving.transport_security import require_tls
from functions.runtime.storage.database import Database
from functions.runtime.storage.failures import DatabaseUnavailable
from functions.runtime.storage.health_info import HealthInfo
from functions.wire.cloudevents import InvalidMessage, Message
from functions.wire.settings import settings_of
from functions.wire.tracing import NO_TRACER, Tracer

_log = logging.getLogger("capsule.process")

SETTLED = Response(status_code=204)
FIRST_SWEEP_SECONDS = 1.0
"""After the start: the message that started the process comes first."""
WITHOUT_DATABASE = {"edge", "runtime"}
"""Components that are no context."""
HEALTH_PATHS = ("/healthz", "/healthz/")


class Edge(Protocol):
    """An HTTP function. `functions/edge/<name>/__init__.py` defines `async def open_edge(settings, clock) -> Edge`."""

    async def handle(self, request: Request) -> Response: ...

    async def close(self) -> None: ...


class WebSocketEdge(Edge, Protocol):
    """An HTTP function that accepts WebSockets too."""

    async def handle_websocket(self, websocket: WebSocket) -> None: ...


class StreamingEdge(Edge, Protocol):
    """An HTTP function with responses that go on until somebody ends them."""

    def drain(self) -> None: ...


class Process:
    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._names = settings.value(variables.FUNCTION)
        self._bus: Bus | None = None
        self._execution_metrics: ExecutionMetrics | None = None
        self._tracer: Tracer = NO_TRACER
        self._contexts: dict[str, FunctionContext] = {}
        self._functions: dict[str, Function] = {}
        self._by_type: dict[str, list[Function]] = {}
        self._shares: dict[str, asyncio.Semaphore] = {}
        """Limits each function of a group. A single function is limited by its container's concurrency."""
        self._dead_letter_router: DeadLetterRouter | None = None
        self._edge: Edge | None = None
        self._background: set[asyncio.Task[None]] = set()

    # -- start and stop ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Compose the functions and connect. Raises UnknownFunction, MissingSetting, InvalidSetting or NothingProvides; the process does not
        become ready."""
        self._settings.check(settings_of(variables.SECTIONS))
        require_tls(self._settings, sorted({name.partition(".")[0] for name in self._names} - WITHOUT_DATABASE))
        if len(self._names) == 1 and self._names[0].startswith("edge."):
            module = importlib.import_module(f"functions.{self._names[0]}")
            self._edge = await module.open_edge(self._settings, self._clock)
            return
        self._tracer = open_tracer(self._settings, _service_of(self._names), f"{gethostname()}-{os.getpid()}")
        self.compose()
        assert self._bus is not None
        self._bus.open()
        for context in self._contexts.values():
            kinds = {each.declaration.kind for each in self._functions.values() if each.declaration.context == context.name}
            self._in_background(context.database.prepare(read_only=kinds == {Kind.QUERY}))
            self._in_background(_sweep(context, delay_seconds=FIRST_SWEEP_SECONDS))
            context.outbox_publisher.sweep_soon()  # what a process left that was killed just now is too young for the first sweep

    def compose(self) -> None:
        """Compose the functions, without a connection. Raises as `start`."""
        self._bus = Bus(self._settings.following(variables.AMQP_URL), name=",".join(self._names))
        self._execution_metrics = ExecutionMetrics(self._bus)
        self._compose(self._bus, ExecutionLog(self._execution_metrics))

    def _compose(self, bus: Bus, execution_log: ExecutionLog) -> None:
        if DEAD_LETTER_ROUTER in self._names:
            self._dead_letter_router = DeadLetterRouter(bus, self._clock)
        declarations = [each for name in self._names if name != DEAD_LETTER_ROUTER for each in _declarations_of(name)]
        if not declarations:
            return
        group = grouping.group_scale(declarations)
        for name in dict.fromkeys(each.context for each in declarations):
            own = [each for each in declarations if each.context == name]
            context = self._contexts[name] = self._create_context(name, bus, execution_log, grouping.pool_size(own, group.max))
            batches = Batches(context)
            for declaration in own:
                self._add(Function(declaration, context, batches), grouping.share(declaration, group) if len(declarations) > 1 else None)

    def _add(self, function: Function, share: int | None) -> None:
        self._functions[function.name] = function
        if share is not None:
            self._shares[function.name] = asyncio.Semaphore(share)
        if function.declaration.message_type is not None:
            self._by_type.setdefault(function.declaration.message_type, []).append(function)

    def _create_context(self, name: str, bus: Bus, execution_log: ExecutionLog, pool_size: int) -> FunctionContext:
        settings, wiring = self._settings, wiring_of(name)
        settings.check(settings_of(wiring.settings))
        reader, replica = variables.READER_URL.of(wiring.database), variables.REPLICA_URL.of(wiring.database)
        clock = wiring.clock(settings, self._clock) if wiring.clock else self._clock
        database = Database(
            settings.following(variables.DATABASE_URL.of(wiring.database)),
            pool_size,
            reader_url=settings.following(reader) if settings.value(reader) else None,
            replica_url=settings.following(replica) if settings.value(replica) else None,
            has_prepared_statements=settings.value(variables.PREPARED_STATEMENTS),
        )
        outbox_publisher = OutboxPublisher(bus, database, self._tracer)
        opener = Opener(settings, name)
        tokens, replay_signer = AccessTokens(settings), ReplaySigner(opener)
        provided: Mapping[Any, Any] = {
            Settings: settings,
            Database: database,
            Clock: clock,
            HealthInfo: HealthInfo(database, name, lambda: wiring.notices(settings), wiring.stored_notices),
            Housekeeping: Housekeeping(
                name, outbox_publisher, database, self._clock, Resealing(database, ContextVault(settings, name), wiring.sealed)
            ),
            DeadLetters: DeadLetters(database),
            RevokedSessions: RevokedSessions(database),
            EmailSuppressions: EmailSuppressions(name, database, outbox_publisher, self._clock),
            AccessTokens: tokens,
            ReplaySigner: replay_signer,
        }
        return FunctionContext(
            name,
            Container(wiring, provided),
            database,
            bus,
            outbox_publisher,
            opener,
            tokens,
            replay_signer,
            self._clock,
            clock,
            execution_log,
            self._tracer,
            is_strict=settings.value(variables.STRICT),
        )

    def _in_background(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    @property
    def bus(self) -> Bus | None:
        """None for an HTTP function of the edge."""
        return self._bus

    def drain(self) -> None:
        """End responses that would go on: event streams. Call it when the server stops accepting requests."""
        if hasattr(self._edge, "drain"):
            cast(StreamingEdge, self._edge).drain()

    async def stop(self) -> None:
        """Publish committed events, sweep once more, close. Call it after the server has stopped accepting requests."""
        if self._edge is not None:
            await self._edge.close()
        for context in self._contexts.values():
            await context.outbox_publisher.close()
        for task in tuple(self._background):
            task.cancel()
        for context in self._contexts.values():
            await _sweep(context)
            await context.database.close()
        if self._execution_metrics is not None:
            await self._execution_metrics.close()
        if self._bus is not None:
            await self._bus.close()
        await self._tracer.close()

    # -- requests -----------------------------------------------------------------------------------------------------

    async def handle(self, request: Request) -> Response:
        """Handle a request. 2xx: its message is settled. 5xx: it is not, send it again. 400: not a CloudEvent."""
        if self._edge is not None:
            return await self._edge.handle(request)
        if request.method == "GET":
            return Response(status_code=200 if request.url.path in HEALTH_PATHS else 404)
        try:
            message = Message.from_http(request.headers, await request.body())
        except InvalidMessage as error:
            return Response(f"not a CloudEvent: {error}\n", 400, media_type="text/plain")
        failure = await self._settle(request.url.path, message)
        return SETTLED if failure is None else Response(f"{failure}\n", 503, media_type="text/plain")

    @property
    def has_websockets(self) -> bool:
        return hasattr(self._edge, "handle_websocket")

    async def handle_websocket(self, websocket: WebSocket) -> None:
        """Call it only if `has_websockets`."""
        await cast(WebSocketEdge, self._edge).handle_websocket(websocket)

    async def handle_message(self, path: str, attributes: Mapping[str, str], body: bytes) -> bool:
        """Handle a message that arrived without a request. False where `handle` answers 503."""
        return await self._settle(path, Message.from_headers(attributes, body)) is None

    async def _settle(self, path: str, message: Message) -> Exception | None:
        try:
            await self._dispatch(path.strip("/"), message)
        except (CannotSettle, BrokerUnavailable, DatabaseUnavailable) as error:
            _log.error("message %s is not settled: %s", message.id, error)
            return error
        return None

    async def _dispatch(self, path: str, message: Message) -> None:
        if self._dead_letter_router is not None and (path in (DEAD_LETTER_ROUTER, "") or path not in self._functions):
            await self._dead_letter_router.handle(message)
            return
        for function in self._receivers(path, message):
            async with self._shares.get(function.name) or nullcontext():
                await function.handle(message)

    def _receivers(self, path: str, message: Message) -> Sequence[Function]:
        for name in (path, message.get("function") or ""):
            if name in self._functions:
                return [self._functions[name]]
        if functions := self._by_type.get(message.type):
            return functions
        if len(self._functions) == 1:  # a schedule's tick has a type of its source
            return list(self._functions.values())
        raise CannotSettle(f"{path or message.type} is not served here; functions of this process: {', '.join(sorted(self._functions))}")


def _declarations_of(name: str) -> Sequence[Declaration]:
    context = name.partition(".")[0]
    return Registry.load([context]).declarations if name == grouping.group_address(context) else [find(name)]


def _service_of(names: Sequence[str]) -> str:
    """Return the name of a process in traces: that of its context."""
    return "-".join(("capsule", *dict.fromkeys(name.partition(".")[0] for name in names)))


async def _sweep(context: FunctionContext, delay_seconds: float = 0) -> None:
    await asyncio.sleep(delay_seconds)
    try:
        await context.outbox_publisher.sweep()
    except (DatabaseUnavailable, BrokerUnavailable) as error:
        _log.warning("the outbox of %s was not swept: %s", context.name, error)
