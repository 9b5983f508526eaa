"""A real function process that kills itself at a given point: `python -m tests.runtime.worker`, configured by the environment.

ACCIDENT names a function and the point at which its process kills itself (SIGKILL, as the kernel's out-of-memory killer does), for instance
`probe.deposit/before-commit`. It happens when the point is reached for the ACCIDENT_AT-th time, in ACCIDENT_DEATHS processes one after the other;
the file ACCIDENT_FLAG grows by a byte with each. BATCH lets functions share transactions. SWITCHED_OFF
names a guarantee that is removed (claim, outbox, confirms, delays), to show
that the tests notice. CLOCK_SHIFT shifts the process's clock by seconds.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from functions.probe.adapters.bell import FileBell
from functions.probe.adapters.postgres import PostgresAccounts

from functions.runtime.config.clock import SystemClock
from functions.runtime.config.registry import find
from functions.runtime.execution import batches, failures, function
from functions.runtime.messaging import bus, delays, exchanges
from functions.runtime.reliability import inbox, outbox, outbox_publisher
from functions.runtime.serving import serve
from functions.runtime.storage import database

BATCHED = tuple(f"probe.{name}" for name in ("deposit", "enter", "on_deposited", "on_noted", "on_renamed", "do_nothing", "on_nothing_done"))
"""Functions that the environment's BATCH lets share transactions. It says of how many messages."""

STATES = {"probe.deposit": "probe.deposited", "probe.on_deposited": "probe.noted", "probe.on_deposited_ring": "probe.renamed"}
"""The event type that each function with an accident publishes."""

_current: ContextVar[str] = ContextVar("current_function", default="")
_claimed: ContextVar[bool] = ContextVar("claimed_by_this_task", default=False)


class Accident:
    def __init__(self, function: str, at: int, deaths: int) -> None:
        self._function = function
        self._at = at
        self._deaths = deaths
        self._reached = 0
        self._flag = Path(os.environ["ACCIDENT_FLAG"])

    def here(self) -> bool:
        return _current.get() == self._function

    def reached(self) -> None:
        if self._flag.exists() and self._flag.stat().st_size >= self._deaths:
            return
        self._reached += 1
        if self._reached >= self._at:
            with self._flag.open("ab") as flag:
                flag.write(b"x")
            os.kill(os.getpid(), signal.SIGKILL)

    def states(self, row: Any) -> bool:
        return bool(row.headers["type"] == STATES[self._function])


def _wrapped(owner: Any, name: str, before: Callable[..., None] | None = None, after: Callable[..., None] | None = None) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        if before:
            before(*args)
        result = await original(*args, **kwargs)
        if after:
            after(*args)
        return result

    setattr(owner, name, wrapper)


def _names_its_function(name: str) -> None:
    """Record the current function: the other accidents depend on it. Of a batch it is `name`, if that has a message in it."""

    def in_batch(_: Any, batch: Any) -> None:
        names = [each.execution.function.name for each in batch]
        _current.set(name if name in names else names[0])

    _wrapped(function.Function, "handle", before=lambda self, *_: _current.set(self.name))
    _wrapped(batches.Batches, "_commit", before=in_batch)


def _when(true: Callable[..., bool], accident: Accident) -> Callable[..., None]:
    return lambda *args: accident.reached() if true(*args) else None


def _at_commit(accident: Accident, **when: Any) -> None:
    """The commit of a transaction that has claimed a message; others commit too."""
    for owner, name in CLAIMS:
        _wrapped(owner, name, after=lambda *_: _claimed.set(True))
    _wrapped(database.Database, "_commit", **when)
    _wrapped(database.Database, "_commit", after=lambda *_: _claimed.set(False))


def _after_reply(accident: Accident) -> None:
    original = function.Function.reply

    async def replying(self: Any, *args: Any) -> bool:
        is_sent = await original(self, *args)
        if is_sent and accident.here():
            await asyncio.sleep(0.1)  # the reply is sent and nothing else has happened
            accident.reached()
        return is_sent

    function.Function.reply = replying  # type: ignore[method-assign]


CLAIMS = ((inbox, "claim"), (batches, "_claim"))
POINTS: dict[str, Callable[[Accident], None]] = {
    "before-claim": lambda a: [_wrapped(owner, name, before=_when(lambda *_: a.here(), a)) for owner, name in CLAIMS] and None,
    "before-call": lambda a: _wrapped(FileBell, "ring", before=_when(lambda *_: a.here(), a)),
    "after-call": lambda a: _wrapped(FileBell, "ring", after=_when(lambda *_: a.here(), a)),
    "in-handler": lambda a: [_wrapped(PostgresAccounts, name, after=_when(lambda *_: a.here(), a)) for name in ("deposit", "note")] and None,
    "before-commit": lambda a: _at_commit(a, before=_when(lambda *_: a.here() and _claimed.get(), a)),
    "after-commit": lambda a: _at_commit(a, after=_when(lambda *_: a.here() and _claimed.get(), a)),
    "before-publish": lambda a: _wrapped(outbox_publisher.OutboxPublisher, "_publish_row", before=_when(lambda _, row: a.states(row), a)),
    "before-marking": lambda a: _wrapped(outbox_publisher.OutboxPublisher, "_publish_row", after=_when(lambda _, row: a.states(row), a)),
    "after-reply": _after_reply,
    "before-ack": lambda a: _wrapped(function.Function, "handle", after=_when(lambda *_: a.here(), a)),
}


def _without_claim() -> None:
    async def claim(connection: Any, message: Any, function: str, *also: Any) -> Any:
        return None, await connection.flush(*also)

    def queue_reply(*_: Any) -> None:
        return None

    inbox.claim = claim  # type: ignore[assignment]
    inbox.queue_reply = queue_reply  # type: ignore[assignment]


def _without_outbox() -> None:
    """Events are published after the commit and not stored before it."""
    original = outbox.enqueue

    def enqueue(connection: Any, pending: Any) -> None:
        original(connection, pending)
        connection.queue("DELETE FROM outbox WHERE id = ANY(%s)", ([row.headers["id"] for row in pending],))

    outbox.enqueue = enqueue


def _without_confirms() -> None:
    """An event counts as published once it was handed to the connection, whatever RabbitMQ says."""

    async def publish(self: Any, exchange: str, key: str, headers: Any, body: bytes, *, mandatory: bool = False) -> None:
        await self.publish_unconfirmed(exchange, key, headers, body)

    bus.Bus.publish = publish  # type: ignore[method-assign]


def _without_delays() -> None:
    """What is to be tried later is tried at once."""

    async def at_once(to: Any, function: str, message: Any, *_: Any) -> None:
        await to.publish(exchanges.COMMANDS, function, message.headers(), message.body, mandatory=True)

    delays.delay = at_once
    failures.delays.delay = at_once


SWITCHES: dict[str, Callable[[], None]] = {
    "claim": _without_claim,
    "outbox": _without_outbox,
    "confirms": _without_confirms,
    "delays": _without_delays,
}


def _shift_the_clock(seconds: float) -> None:
    right = SystemClock.now
    SystemClock.now = lambda self: right(self) + timedelta(seconds=seconds)  # type: ignore[method-assign]


def batch(names: Iterable[str], size: int) -> None:
    """Let functions of the probe context share transactions (`Scale.batch`)."""
    for name in names:
        declaration = find(name)
        object.__setattr__(declaration, "scale", replace(declaration.scale, batch=size))


def _prepare() -> None:
    if size := os.environ.get("BATCH"):
        batch(BATCHED, int(size))
    if shift := os.environ.get("CLOCK_SHIFT"):
        _shift_the_clock(float(shift))
    if switch := os.environ.get("SWITCHED_OFF"):
        SWITCHES[switch]()
    if accident := os.environ.get("ACCIDENT"):
        function, _, point = accident.partition("/")
        POINTS[point](Accident(function, int(os.environ.get("ACCIDENT_AT", "1")), int(os.environ.get("ACCIDENT_DEATHS", "1"))))
        _names_its_function(function)


def main() -> int:
    _prepare()
    return serve.run()


if __name__ == "__main__":
    sys.exit(main())
