"""The in-memory Capsule: finds functions in the registry, builds their arguments, runs them and delivers what they publish."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel

from events.platform import AuditRecord, AuditRecorded
from functions.kernel import (
    Caller,
    Client,
    Clock,
    Declaration,
    Delayed,
    Event,
    Kind,
    Memberships,
    Origin,
    OutgoingMessage,
    Permanent,
    Permit,
    RateLimited,
    Rejected,
    Rejection,
    Transient,
    Unauthenticated,
    Work,
)
from functions.runtime.config.registry import Registry, contexts, wiring_of
from functions.runtime.config.settings import Settings
from functions.runtime.config.wiring import Container, Wiring
from functions.runtime.execution.contracts import check_events, check_rejection
from functions.runtime.messaging.delays import backoff_seconds
from functions.runtime.reliability.email_suppressions import EmailSuppressions
from functions.runtime.reliability.revoked_sessions import RevokedSessions
from tests.capsule.clock import FixedClock
from tests.capsule.deliveries import Deliveries, Delivery
from tests.capsule.outcomes import DeadLetter, Published
from tests.capsule.ports import EXTERNAL, PORTS, SETTINGS
from tests.capsule.published_only import PUBLISHED_ONLY
from tests.capsule.records import record_of
from tests.capsule.transactions import MemoryWork, external, transaction
from tests.memory.runtime import MemoryEmailSuppressions, MemoryRevokedSessions

E = TypeVar("E", bound=Event)


class EventWithoutHandler(AssertionError):
    """No function of the registry handles this event, and `tests.capsule.published_only` does not name it."""


@cache
def everything() -> Registry:
    """Return all declarations. To load them takes some milliseconds, and a test asks for them at each request."""
    return Registry.load()


class Capsule:
    """All contexts, or those named. Events that only other contexts handle are recorded and go nowhere."""

    def __init__(
        self,
        *names: str,
        ports: Mapping[Any, Callable[..., Any]] | None = None,
        settings: Mapping[str, str] | None = None,
        clock: FixedClock | None = None,
    ) -> None:
        """`ports`: port → class or factory, in place of the memory adapter. `settings`: environment variables, in addition to `ports.SETTINGS`."""
        self.clock = clock or FixedClock()
        self.published: list[Published] = []
        self.records: list[AuditRecord] = []
        self.dead_letters: list[DeadLetter] = []
        self._settings = Settings({**SETTINGS, **(settings or {})})
        self._containers = {name: self._container(name, ports or {}) for name in (names or contexts())}
        self._declarations = [each for each in everything().declarations if each.context in self._containers]
        self._deliveries = Deliveries()

    def _container(self, context: str, replaced: Mapping[Any, Callable[..., Any]]) -> Container:
        wiring = wiring_of(context)
        adapters = {**wiring.ports, **PORTS[context], **{port: factory for port, factory in replaced.items() if port in wiring.ports}}
        provided = {Settings: self._settings, Clock: self.clock, FixedClock: self.clock, RevokedSessions: MemoryRevokedSessions()}
        provided[EmailSuppressions] = MemoryEmailSuppressions()
        return Container(Wiring(wiring.database, adapters), provided)

    def port(self, port: type[Any]) -> Any:
        """The adapter behind a port, to look into or to set up. Raises LookupError."""
        for context, container in self._containers.items():
            if port in wiring_of(context).ports:
                return container.get(port, "the test")
        raise LookupError(f"no wiring of {', '.join(self._containers)} has the port {port.__name__}")

    # -- requests -----------------------------------------------------------------------------------------------------

    async def call(
        self, request: BaseModel, *, caller: Caller | None = None, client: Client | None = None, correlation_id: str = "correlation-1"
    ) -> Any:
        """Run the command or query whose input `request` is, and return its output.

        Events are queued; `settle` delivers them. Raises the function's Rejection, after keeping what a `Rejected` result keeps.
        """
        declaration = self._taking(type(request))
        declaration.authorize(caller, self.clock.now())
        if caller is not None and caller.session_id in self._containers[declaration.context].get(RevokedSessions, "the test").rows:
            raise Unauthenticated("The session of this access token has ended: sign in again.")
        origin = Origin(correlation_id, str(caller.user_id) if caller else None)
        stores = self._stores(declaration.context)
        is_effectful = Work in declaration.dependencies.values()
        work = MemoryWork(stores, origin) if is_effectful else None
        client = client or Client("203.0.113.7", "curl/8")
        arguments = self._arguments(declaration, origin, caller, client, work)
        try:
            with nullcontext() if is_effectful else transaction(stores):
                result = await self._run(declaration, [request], arguments)
        except Rejection as rejection:
            self._record(declaration, request, caller, client, origin, rejection)
            raise
        self._record(declaration, request, caller, client, origin, result)
        if declaration.kind is Kind.QUERY:
            return result
        self._publish(declaration, result.events if result else (), origin)
        if isinstance(result, Rejected):
            check_rejection(declaration, result.reason, is_strict=True)
            raise result.reason
        return result.output if result else None

    def _taking(self, model: type[BaseModel]) -> Declaration:
        for declaration in self._declarations:
            if declaration.kind in (Kind.COMMAND, Kind.QUERY) and declaration.input is model:
                return declaration
        raise LookupError(f"no command or query takes {model.__name__}")

    # -- events -------------------------------------------------------------------------------------------------------

    async def publish(self, event: Event, *, correlation_id: str = "correlation-1", actor: str | None = None) -> None:
        """Deliver an event that another context or the cluster publishes, and what follows from it."""
        origin = Origin(correlation_id, actor)
        self._deliveries.add(Delivery(each, event, origin) for each in self._handlers(event))
        await self.settle()

    async def run(self, function: str) -> None:
        """Run a schedule, such as `billing.housekeeping`, and deliver what it publishes."""
        declaration = everything().by_name[function]
        assert declaration.kind is Kind.SCHEDULE, f"{function} is no schedule"
        await self._deliver(Delivery(declaration, None, Origin(f"schedule-{function}")))
        await self.settle()

    async def settle(self) -> None:
        """Deliver queued events until none is left. Time stands still."""
        while delivery := self._deliveries.pop():
            await self._deliver(delivery)

    async def advance(self, until: datetime | None = None, **duration: float) -> None:
        """Move the clock, stopping at each reminder and retry that is due meanwhile and delivering it at its time."""
        end = until or self.clock.at + timedelta(**duration)
        await self.settle()
        while found := self._deliveries.pop_delayed(end):
            due_at, delivery = found
            self.clock.at = max(self.clock.at, due_at)
            self._deliveries.add([delivery])
            await self.settle()
        self.clock.at = end

    def events(self, kind: type[E]) -> list[E]:
        """Published events of that class, in their order."""
        return [each.event for each in self.published if isinstance(each.event, kind)]

    @property
    def event_types(self) -> list[str]:
        return [each.event.type for each in self.published]

    def reminders(self) -> Sequence[tuple[datetime, Event]]:
        """Delayed events that have not arrived yet, and when they are due."""
        return self._deliveries.reminders()

    # -- running a function -------------------------------------------------------------------------------------------

    async def _deliver(self, delivery: Delivery) -> None:
        declaration = delivery.declaration
        try:
            await self._handle(delivery)
        except Transient as error:
            if delivery.attempt >= declaration.retry.attempts:
                self.dead_letters.append(DeadLetter(declaration.name, delivery.event, error))
                return
            backoff = backoff_seconds(delivery.attempt, declaration.retry.first_delay_seconds, jitter=1.0)
            seconds = error.retry_after if isinstance(error, RateLimited) else backoff
            again = Delivery(declaration, delivery.event, delivery.origin, delivery.attempt + 1)
            self._deliveries.delay(self.clock.at + timedelta(seconds=seconds), again)
        except (Permanent, Rejection) as error:
            self.dead_letters.append(DeadLetter(declaration.name, delivery.event, error))

    async def _handle(self, delivery: Delivery) -> None:
        declaration, stores = delivery.declaration, self._stores(delivery.declaration.context)
        # what is delivered was written as JSON: a handler must not get more than that carries
        inputs: list[Any] = (
            [] if delivery.event is None else [type(delivery.event).model_validate_json(delivery.event.model_dump_json(by_alias=True))]
        )
        if declaration.kind is Kind.EVENT:
            with transaction(stores):
                result = await self._run(declaration, inputs, self._arguments(declaration, delivery.origin, None, None, None))
            self._record(declaration, delivery.event, None, Client(), delivery.origin, result)
            self._publish(declaration, result.events if result else (), delivery.origin)
            return
        work = MemoryWork(stores, delivery.origin, is_last_attempt=delivery.attempt >= delivery.declaration.retry.attempts)
        try:
            await self._run(declaration, inputs, self._arguments(declaration, delivery.origin, None, None, work))
        finally:
            self._publish(declaration, work.recorded, work.origin)

    async def _run(self, declaration: Declaration, inputs: Sequence[BaseModel], arguments: Mapping[str, Any]) -> Any:
        try:
            if declaration.is_batch_handler:
                [result] = await declaration.handler(inputs, **arguments)
                return result
            return await declaration.handler(*inputs, **arguments)
        except Rejection as rejection:
            check_rejection(declaration, rejection, is_strict=True)
            raise

    def _arguments(
        self, declaration: Declaration, origin: Origin, caller: Caller | None, client: Client | None, work: MemoryWork | None
    ) -> dict[str, Any]:
        from_message: dict[Any, Any] = {Caller: caller, Caller | None: caller, Client: client, Origin: origin, Work: work, Clock: self.clock}
        if caller is not None and declaration.permission is not None:
            from_message[Permit] = Permit(caller, declaration.permission)
            from_message[Sequence[Permit]] = [from_message[Permit]]
        if caller is not None:
            from_message[Sequence[Caller]] = [caller]
        return {
            name: from_message[need] if need in from_message else self._adapter(declaration, need) for name, need in declaration.dependencies.items()
        }

    def _adapter(self, declaration: Declaration, port: Any) -> Any:
        adapter = self._containers[declaration.context].get(port, declaration.name)
        return external(adapter) if port in EXTERNAL else adapter

    def stores(self, context: str) -> list[Any]:
        """The adapters of a context with state that a transaction restores."""
        return self._stores(context)

    def forget_queued(self) -> None:
        """Deliver nothing of what is queued or delayed."""
        self.forget_due()
        self.forget_delayed()

    def forget_due(self) -> None:
        self._deliveries.forget_due()

    def forget_delayed(self) -> None:
        """Deliver no reminder and no retry that waits for its time."""
        self._deliveries.forget_delayed()

    def memberships_of(self, context: str) -> Any:
        """The memberships as a context knows them: each has its own."""
        return self._containers[context].get(Memberships, "the test")

    def _stores(self, context: str) -> list[Any]:
        """Adapters whose state a transaction restores: those of the memory ports, except foreign systems."""
        container = self._containers[context]
        return [container.get(port, "a transaction") for port in PORTS[context] if port not in EXTERNAL]

    def _record(
        self, declaration: Declaration, request: BaseModel | None, caller: Caller | None, client: Client, origin: Origin, result: Any
    ) -> None:
        record = record_of(declaration, request, caller, client, origin, result, self.clock)
        if record is None:
            return
        self.records.append(record)
        event = AuditRecorded(records=[record])
        self._deliveries.add(Delivery(each, event, origin) for each in self._handlers(event))

    # -- publishing ---------------------------------------------------------------------------------------------------

    def _publish(self, declaration: Declaration, messages: Sequence[OutgoingMessage], origin: Origin) -> None:
        check_events(declaration, messages, is_strict=True)
        for message in messages:
            if isinstance(message, Delayed):
                for own in self._handlers(message.event, declaration.context):
                    self._deliveries.delay(self.clock.at + message.delay, Delivery(own, message.event, origin))
                continue
            assert isinstance(message, Event), f"{declaration.name} published {message!r}"
            self.published.append(Published(message, declaration.name, self.clock.at, origin))
            self._deliveries.add(Delivery(each, message, origin) for each in self._handlers(message))

    def _handlers(self, event: Event, context: str | None = None) -> Iterator[Declaration]:
        """Of the contexts of this Capsule. `context`: its own handlers only, for an event that it sends to itself. Raises EventWithoutHandler."""
        everywhere = [each for each in everything().declarations if each.input is type(event) and context in (None, each.context)]
        if not everywhere and type(event) not in PUBLISHED_ONLY:
            raise EventWithoutHandler(f"no function{f' of {context}' if context else ''} handles {type(event).__name__}")
        return (each for each in everywhere if each.context in self._containers)
