"""Capsule in memory: every use case of the registry, called as the runtime calls it, without a server.

    capsule = Capsule()
    application = await capsule.call(CreateApplication(name="hello", repository=URL), caller=ada)
    await capsule.settle()                        # deliver events until none is left
    await capsule.advance(minutes=10)             # let time pass; reminders and retries arrive when they are due
    assert capsule.events(ApplicationCreated)

The functions come from the registry, their adapters from the contexts' wiring: a port is built from `tests.memory` where that has it, otherwise from
the context's own `wiring.py`. What the runtime does around a handler is kept: permissions, transactions that roll back, declared events and
rejections, retries, dead letters. `tests/capsule/test_capsule.py` shows each of these.

Not kept: the wire (authentication tokens, HTTP), concurrency, redelivery and disorder. Events arrive in the order of their publication, so a handler
that adds up and forgets `Order.ANY` passes here. The real runtime is tested in `tests/runtime`.
"""

from tests.capsule.capsule import Capsule, EventWithoutHandler, everything
from tests.capsule.clock import FixedClock
from tests.capsule.outcomes import DeadLetter, Published
from tests.capsule.transactions import InsideTransaction

__all__ = [
    "Capsule",
    "DeadLetter",
    "EventWithoutHandler",
    "FixedClock",
    "InsideTransaction",
    "Published",
    "everything",
]
