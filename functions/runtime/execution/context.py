"""What the functions of one context share within a process."""

from dataclasses import dataclass, field

from functions.kernel import Clock, Event
from functions.runtime.config.registry import Registry
from functions.runtime.config.wiring import Container
from functions.runtime.execution.execution_log import ExecutionLog
from functions.runtime.messaging.bus import Bus
from functions.runtime.reliability.outbox import OutboxPublisher
from functions.runtime.security.encryption import Opener
from functions.runtime.security.replay_signing import ReplaySigner
from functions.runtime.security.tokens import AccessTokens
from functions.runtime.storage.database import Database


class UndeclaredEvent(TypeError):
    """A function states an event that no function of its context declares. The text names it and what to add."""


@dataclass
class FunctionContext:
    context: str
    container: Container
    database: Database
    bus: Bus
    outbox_publisher: OutboxPublisher
    opener: Opener
    tokens: AccessTokens
    replay_signer: ReplaySigner
    clock: Clock
    journal: ExecutionLog

    declared: set[type[Event]] = field(default_factory=set)
    """Events that functions of this context declare. Those of the functions of this process; the others are added when one is missing."""

    _receivers: dict[str, str] = field(default_factory=dict)

    def receiver(self, event: type[Event]) -> str:
        """The function of this context that takes an event which the context sends to itself, later. Raises LookupError."""
        if event.type not in self._receivers:
            takers = [declaration.name for declaration in Registry.load([self.context]).declarations if declaration.input is event]
            if not takers:
                raise LookupError(f"{event.type} is sent to the context {self.context} itself, but none of its functions handles it")
            self._receivers[event.type] = takers[0]
        return self._receivers[event.type]

    def check_declared(self, event: type[Event]) -> None:
        """Raises UndeclaredEvent: RabbitMQ lets a context publish what it declares and nothing else."""
        if event in self.declared:
            return
        for declaration in Registry.load([self.context]).declarations:
            self.declared.update(declaration.emits)
        if event not in self.declared:
            raise UndeclaredEvent(f"no function of {self.context} declares {event.type}: add {event.__name__} to `emits` of the one that states it")
