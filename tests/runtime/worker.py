"""A real function process with an accident built in: `python -m tests.runtime.worker`, told by the
environment.

ACCIDENT names the point at which it kills itself (SIGKILL, as the kernel's out-of-memory killer does); it does so once, ACCIDENT_FLAG being the
file that remembers it. SWITCHED_OFF names a guarantee that is taken away (claim, outbox, confirms), to show that the tests notice.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from functions.runtime import bus, database, execution, inbox, outbox, serve, work


def _die() -> None:
    flag = Path(os.environ["ACCIDENT_FLAG"])
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def _before(owner: Any, name: str) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    async def accident(*args: Any, **kwargs: Any) -> Any:
        _die()
        return await original(*args, **kwargs)

    setattr(owner, name, accident)


def _after(owner: Any, name: str) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    async def accident(*args: Any, **kwargs: Any) -> Any:
        result = await original(*args, **kwargs)
        _die()
        return result

    setattr(owner, name, accident)


def _on_reply() -> None:
    original = execution.Function.reply

    async def accident(self: Any, *args: Any) -> bool:
        said = await original(self, *args)
        if said:
            asyncio.get_running_loop().call_later(0.2, _die)  # the reply is on its way
        return said

    execution.Function.reply = accident  # type: ignore[method-assign]


def _at_commit(wrap: Callable[[Any, str], None]) -> None:
    """The commit of a transaction that has claimed a message; the sweep at the start commits too."""
    claim, commit, die = inbox.claim, database.Database._commit, globals()["_die"]
    claimed: list[bool] = []

    async def claiming(*args: Any) -> Any:
        found = await claim(*args)
        claimed.append(True)
        return found

    inbox.claim = claiming
    globals()["_die"] = lambda: claimed and die()
    wrap(database.Database, "_commit")
    assert commit is not database.Database._commit


ACCIDENTS: dict[str, Callable[[], None]] = {
    "before-claim": lambda: _before(inbox, "claim"),
    "in-handler": lambda: _after(inbox, "claim"),
    "before-commit": lambda: _at_commit(_before),
    "after-commit": lambda: _at_commit(_after),
    "before-publish": lambda: _before(outbox.Relay, "_one"),
    "before-marking": lambda: _after(outbox.Relay, "_one"),
    "after-reply": _on_reply,
    "between-call-and-record": lambda: _before(work.inbox, "claim"),
}


def _without_claim() -> None:
    async def claim(*_: Any) -> None:
        return None

    async def keep_reply(*_: Any) -> None:
        return None

    inbox.claim = claim  # type: ignore[assignment]
    inbox.keep_reply = keep_reply  # type: ignore[assignment]


def _without_outbox() -> None:
    """Events are published after the commit and written nowhere before it."""
    original = outbox.write

    async def write(connection: Any, *args: Any) -> Any:
        owed = await original(connection, *args)
        await connection.execute("DELETE FROM outbox WHERE position = ANY(%s)", ([row.position for row in owed],))
        return owed

    outbox.write = write
    work.write = write


def _without_confirms() -> None:
    """An event counts as published once it was handed to the connection, whatever RabbitMQ says."""

    async def publish(self: Any, exchange: str, key: str, headers: Any, body: bytes, *, mandatory: bool = False) -> None:
        await self.offer(exchange, key, headers, body)

    bus.Bus.publish = publish  # type: ignore[method-assign]


SWITCHES: dict[str, Callable[[], None]] = {"claim": _without_claim, "outbox": _without_outbox, "confirms": _without_confirms}


if __name__ == "__main__":
    if switch := os.environ.get("SWITCHED_OFF"):
        SWITCHES[switch]()
    if accident := os.environ.get("ACCIDENT"):
        ACCIDENTS[accident]()
    sys.exit(serve.run())
