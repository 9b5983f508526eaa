"""One process: the functions that `CAPSULE_FUNCTION` names, their contexts' databases, one connection to RabbitMQ.

`auth.register`, or several separated by commas, or a whole context as `auth.*` (the generator's grouping for small clusters): what they share and
what each keeps is `grouping`. A request's path names the function it is for (`/auth.register`), or the message's extension `function` does (a tick, a
retry, a replay: what is for one alone); without either the message's type decides. `edge.<name>` is an HTTP function of `functions/edge`, which
takes requests and not messages.
"""

import asyncio
import importlib
import logging
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from functions.kernel import Clock, Declaration, Kind
from functions.runtime.config.clock import SystemClock
from functions.runtime.config.registry import Registry, find, wiring_of
from functions.runtime.config.settings import Settings
from functions.runtime.config.wiring import Container
from functions.runtime.execution.context import FunctionContext
from functions.runtime.execution.execution_log import ExecutionLog
from functions.runtime.execution.failures import CannotSettle
from functions.runtime.execution.function import Function
from functions.runtime.messaging.bus import BrokerUnavailable, Bus
from functions.runtime.reliability.dead_letter_router import FUNCTION as DEAD_LETTER_ROUTER
from functions.runtime.reliability.dead_letter_router import DeadLetterRouter
from functions.runtime.reliability.dead_letters import DeadLetters
from functions.runtime.reliability.housekeeping import Housekeeping
from functions.runtime.reliability.outbox import OutboxPublisher
from functions.runtime.security.encryption import Opener
from functions.runtime.security.replay_signing import ReplaySigner
from functions.runtime.security.tokens import AccessTokens
from functions.runtime.serving import grouping
from functions.runtime.storage.database import Database, DatabaseUnavailable
from functions.runtime.storage.health_info import HealthInfo
from functions.wire.cloudevents import Message, NotAMessage

_log = logging.getLogger("capsule.process")

SETTLED = Response(status_code=204)
SWEEP_AFTER = 1.0
"""Seconds: whom a cold function was started for comes first."""
HEALTH_PATHS = ("/healthz", "/healthz/")


class Edge(Protocol):
    """An HTTP function. `functions/edge/<name>/__init__.py` offers `async def open_edge(settings, clock) -> Edge`."""

    async def handle(self, request: Request) -> Response: ...

    async def close(self) -> None: ...


class Process:
    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._journal = ExecutionLog()
        self._names = [name.strip() for name in settings.text("CAPSULE_FUNCTION").split(",") if name.strip()]
        self._bus: Bus | None = None
        self._contexts: dict[str, FunctionContext] = {}
        self._functions: dict[str, Function] = {}
        self._by_type: dict[str, list[Function]] = {}
        self._shares: dict[str, asyncio.Semaphore] = {}
        """Of a function among several: one that is alone is bounded by its container's concurrency."""
        self._undelivered: DeadLetterRouter | None = None
        self._edge: Edge | None = None
        self._background: set[asyncio.Task[None]] = set()

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Raises UnknownFunction, MissingSetting or NothingProvides: a function that could never work does not become ready."""
        if len(self._names) == 1 and self._names[0].startswith("edge."):
            module = importlib.import_module(f"functions.{self._names[0]}")
            self._edge = await module.open_edge(self._settings, self._clock)
            return
        self._bus = Bus(self._settings.text("CAPSULE_AMQP_URL"), name=",".join(self._names))
        self._compose(self._bus)
        self._bus.open()
        for around in self._contexts.values():
            only_reads = all(each.declaration.kind is Kind.QUERY for each in self._functions.values() if each.declaration.context == around.context)
            self._in_background(around.database.prepare(read_only=only_reads))
            self._in_background(_sweep(around, after=SWEEP_AFTER))

    def _compose(self, bus: Bus) -> None:
        if DEAD_LETTER_ROUTER in self._names:
            self._undelivered = DeadLetterRouter(bus, self._clock)
        declared = [each for name in self._names if name != DEAD_LETTER_ROUTER for each in _declared(name)]
        if not declared:
            return
        group = grouping.together(declared)
        for context in dict.fromkeys(each.context for each in declared):
            own = [each for each in declared if each.context == context]
            around = self._contexts[context] = self._surround(context, bus, grouping.pool(own, group.max))
            for declaration in own:
                self._add(Function(declaration, around), grouping.share(declaration, group) if len(declared) > 1 else None)

    def _add(self, function: Function, share: int | None) -> None:
        self._functions[function.name] = function
        if share is not None:
            self._shares[function.name] = asyncio.Semaphore(share)
        if function.declaration.message_type is not None:
            self._by_type.setdefault(function.declaration.message_type, []).append(function)

    def _surround(self, context: str, bus: Bus, size: int) -> FunctionContext:
        wiring = wiring_of(context)
        database = Database(
            self._settings.text(f"CAPSULE_{wiring.database.upper()}_DATABASE_URL"),
            size,
            reader=self._settings.text(f"CAPSULE_{wiring.database.upper()}_READER_URL", "") or None,
        )
        outbox_publisher = OutboxPublisher(bus, database)
        opener = Opener(self._settings, context)
        offered: Mapping[Any, Any] = {
            Settings: self._settings,
            Database: database,
            Clock: self._clock,
            HealthInfo: HealthInfo(database, context),
            Housekeeping: Housekeeping(context, outbox_publisher, database, self._clock),
            DeadLetters: DeadLetters(database),
            AccessTokens: AccessTokens(self._settings),
            ReplaySigner: ReplaySigner(opener),
        }
        container = Container(wiring, offered)
        tokens, replay_signer = offered[AccessTokens], offered[ReplaySigner]
        return FunctionContext(context, container, database, bus, outbox_publisher, opener, tokens, replay_signer, self._clock, self._journal)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    @property
    def bus(self) -> Bus | None:
        """None for a function of the edge."""
        return self._bus

    async def stop(self) -> None:
        """Publishes what was committed, sweeps once more, closes. The server has already stopped taking requests."""
        if self._edge is not None:
            await self._edge.close()
        for around in self._contexts.values():
            await around.outbox_publisher.close()
        for task in tuple(self._background):
            task.cancel()
        for around in self._contexts.values():
            await _sweep(around)
            await around.database.close()
        if self._bus is not None:
            await self._bus.close()

    # -- requests -----------------------------------------------------------------------------------------------------

    async def handle(self, request: Request) -> Response:
        """2xx: the message is settled. 5xx: it is not, try again. 400: no message at all."""
        if self._edge is not None:
            return await self._edge.handle(request)
        if request.method == "GET":
            return Response(status_code=200 if request.url.path in HEALTH_PATHS else 404)
        try:
            message = Message.from_http(request.headers, await request.body())
        except NotAMessage as error:
            return Response(f"this takes CloudEvents: {error}\n", 400, media_type="text/plain")
        fault = await self._settle(request.url.path, message)
        return SETTLED if fault is None else Response(f"{fault}\n", 503, media_type="text/plain")

    async def handle_message(self, path: str, attributes: Mapping[str, str], body: bytes) -> bool:
        """A message without a request around it. False where `handle` would answer 503."""
        return await self._settle(path, Message.from_headers(attributes, body)) is None

    async def _settle(self, path: str, message: Message) -> Exception | None:
        try:
            await self._dispatch(path.strip("/"), message)
        except (CannotSettle, BrokerUnavailable, DatabaseUnavailable) as error:
            _log.error("message %s is not settled: %s", message.id, error)
            return error
        return None

    async def _dispatch(self, path: str, message: Message) -> None:
        if self._undelivered is not None and (path in (DEAD_LETTER_ROUTER, "") or path not in self._functions):
            await self._undelivered.handle(message)
            return
        for function in self._meant(path, message):
            async with self._shares.get(function.name) or nullcontext():
                await function.handle(message)

    def _meant(self, path: str, message: Message) -> Sequence[Function]:
        for name in (path, message.get("function") or ""):
            if name in self._functions:
                return [self._functions[name]]
        if found := self._by_type.get(message.type):
            return found
        if len(self._functions) == 1:  # a schedule's tick, whose type says nothing
            return list(self._functions.values())
        raise CannotSettle(f"{path or message.type} is none of this process's functions: {', '.join(sorted(self._functions))}")


def _declared(name: str) -> Sequence[Declaration]:
    context = name.partition(".")[0]
    return Registry.load([context]).declarations if name == grouping.address(context) else [find(name)]


async def _sweep(around: FunctionContext, after: float = 0) -> None:
    await asyncio.sleep(after)
    try:
        await around.outbox_publisher.sweep()
    except (DatabaseUnavailable, BrokerUnavailable) as error:
        _log.warning("the outbox of %s was not swept: %s", around.context, error)
