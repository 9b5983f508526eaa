"""A connection on which statements can wait for one another and go together, in one round trip.

The runtime frames every handler with statements of its own: BEGIN, the claim, the savepoint before it; events, the reply, COMMIT behind it.
Sent one by one they are eight waits for PostgreSQL and most of what a small command costs, in CPU too. Together they are two. They travel in the
simple query protocol (PostgreSQL documentation, 55.2.2), the values written into the text by psycopg's client-side binding: a quarter less CPU than
three prepared statements one after another, and psycopg's pipeline mode, which was tried, costs more than it spares.

What a handler itself asks is not touched: prepared statements, one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple

import psycopg


class Statement(NamedTuple):
    text: LiteralString
    parameters: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How many rows were touched or found, those that were answered, and the server's word for what it did (COMMIT is answered ROLLBACK where an
    error came before it)."""

    count: int
    rows: Sequence[tuple[Any, ...]] = ()
    said: str = ""


@dataclass(slots=True)
class QueuedStatement:
    """A statement that waits. It has a result when it has been sent."""

    statement: Statement
    result: Result | None = None


class Session(psycopg.AsyncConnection[Any]):
    """Never use a cursor of it while something waits: what waits comes first."""

    waiting: list[QueuedStatement]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting = []

    def later(self, text: LiteralString, parameters: Sequence[Any] = ()) -> QueuedStatement:
        """Goes with the next `together`."""
        said = QueuedStatement(Statement(text, parameters))
        self.waiting.append(said)
        return said

    async def flush(self, *statements: Statement) -> list[Result]:
        """What waits, then these, in one round trip; the results of these. After an error nothing of what followed it has been done."""
        waiting, self.waiting = self.waiting, []
        everything = [*(each.statement for each in waiting), *statements]
        if not everything:
            return []
        results = await self._send(everything)
        for each, result in zip(waiting, results, strict=False):
            each.result = result
        return results[len(waiting) :]

    async def _send(self, statements: Sequence[Statement]) -> list[Result]:
        cursor = psycopg.AsyncClientCursor(self)
        parameters = [each for statement in statements for each in statement.parameters]
        await cursor.execute("; ".join(statement.text for statement in statements), parameters or None)
        results = []
        for _ in statements:
            results.append(Result(cursor.rowcount, await cursor.fetchall() if cursor.description else (), cursor.statusmessage or ""))
            cursor.nextset()
        return results
