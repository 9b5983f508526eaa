"""What the functions of one bounded context share within a process."""

from dataclasses import dataclass, field

from functions.kernel import Clock, Event
from functions.runtime.config.registry import Registry
from functions.runtime.config.wiring import Container
from functions.runtime.execution.execution_log import ExecutionLog
from functions.runtime.messaging.bus import Bus
from functions.runtime.reliability.outbox import EventRouting
from functions.runtime.reliability.outbox_publisher import OutboxPublisher
from functions.runtime.security.encryption import Opener
from functions.runtime.security.replay_signing import ReplaySigner
from functions.runtime.security.tokens import AccessTokens
from functions.runtime.storage.database import Database
from functions.wire.tracing import Tracer


class UndeclaredEvent(TypeError):
    """A function publishes an event that its declaration, or its whole context, does not name in `emits`."""


class UndeclaredRejection(TypeError):
    """A function rejects with a class that its declaration does not name in `rejects`."""


@dataclass
class FunctionContext:
    """`name`: of the bounded context. `clock`: the system's. `handler_clock`: that of its functions.

    `is_strict`: undeclared events and rejections of a function are errors instead of log lines.
    """

    name: str
    container: Container
    database: Database
    bus: Bus
    outbox_publisher: OutboxPublisher
    opener: Opener
    tokens: AccessTokens
    replay_signer: ReplaySigner
    clock: Clock
    handler_clock: Clock
    execution_log: ExecutionLog
    tracer: Tracer
    is_strict: bool = False

    declared_events: set[type[Event]] = field(default_factory=set)
    """Events that functions of this process declare. Those of the context's other functions are added when one is missing."""

    _handlers: dict[str, str] = field(default_factory=dict)

    @property
    def event_routing(self) -> EventRouting:
        return EventRouting(self.name, self.handler_of, self.check_declared)

    def handler_of(self, event: type[Event]) -> str:
        """Return the function of this context that handles an event which the context sends to itself. Raises LookupError."""
        if event.type not in self._handlers:
            names = [declaration.name for declaration in Registry.load([self.name]).declarations if declaration.input is event]
            if not names:
                raise LookupError(f"{self.name} sends {event.type} to itself, but none of its functions handles it")
            self._handlers[event.type] = names[0]
        return self._handlers[event.type]

    def check_declared(self, event: type[Event]) -> None:
        """Raises UndeclaredEvent: RabbitMQ lets a context publish the events that it declares and no others."""
        if event in self.declared_events:
            return
        for declaration in Registry.load([self.name]).declarations:
            self.declared_events.update(declaration.emits)
        if event not in self.declared_events:
            raise UndeclaredEvent(f"no function of {self.name} declares {event.type}: add {event.__name__} to `emits` of the one that publishes it")
