"""A connection that sends queued statements together, in one round trip.

The runtime surrounds every handler with statements of its own: BEGIN, claim and savepoint before it; events, reply and COMMIT
after it. Sent one by one they are eight round trips and most of what a small command costs; together they are two. They use
the simple query protocol (PostgreSQL documentation, "Multiple Statements in a Simple Query"), with values bound by psycopg on
the client. Statements of handlers are sent one by one, as prepared statements. Only the one that finds statements queued (a
query's look-up of its caller's session, a lock, an insert that cannot fail) travels with them.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple, Self, TypeVar

import psycopg
from psycopg.abc import Params, PQGen
from psycopg.rows import tuple_row

T = TypeVar("T")
WAIT_INTERVAL_SECONDS = 60.0


class Statement(NamedTuple):
    text: LiteralString
    parameters: Sequence[Any] = ()


BEGIN_SNAPSHOT = Statement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
"""Its statements read the moment of the first one (PostgreSQL documentation, section 13.2.2)."""
COMMIT = Statement("COMMIT")


@dataclass(frozen=True, slots=True)
class Result:
    """`count`: rows affected or returned. `command`: the server's command tag; COMMIT returns ROLLBACK if a statement failed before it."""

    count: int
    rows: Sequence[tuple[Any, ...]] = ()
    command: str = ""


@dataclass(slots=True)
class QueuedStatement:
    """A statement that is sent with the next flush. Then it has a result."""

    statement: Statement
    is_scalar: bool = False
    """It selects one value, which is not null, of one row at most. So it can be a column of another statement."""
    has_rows: bool = False
    """Its result needs the rows, and not their number alone, if it is sent with a statement of a cursor."""
    result: Result | None = None

    def require_no_rows(self) -> None:
        """Make it a statement that fails if there are rows, which need not be read then."""
        self.statement = Statement(f"SELECT require_no_rows() FROM ({self.statement.text}) rare", self.statement.parameters)
        self.result = Result(0)


class QueueCursor(psycopg.AsyncCursor[Any]):
    """Sends the statements that are queued on its connection together with its own next one."""

    async def execute(self, query: Any, params: Params | None = None, **options: Any) -> Self:
        connection = self.connection
        if isinstance(connection, Session):
            await connection.flush_aside()
        queued = connection.queued if isinstance(connection, Session) else []
        if not queued:
            return await super().execute(query, params, **options)
        text, statements = _bound(connection, queued, query, params), [*queued]
        queued.clear()
        row_factory, self.row_factory = self.row_factory, tuple_row
        try:
            await super().execute(text, prepare=False)
            for each in statements:
                rows = await self.fetchall() if each.has_rows else ()
                each.result = Result(self.rowcount, rows, command=self.statusmessage or "")
                if each is statements[-1]:
                    self.row_factory = row_factory
                self.nextset()
        finally:
            self.row_factory = row_factory
        return self

    @asynccontextmanager
    async def copy(self, *args: Any, **options: Any) -> AsyncIterator[psycopg.AsyncCopy]:
        if isinstance(self.connection, Session):
            await self.connection.flush()
        async with super().copy(*args, **options) as copy:
            yield copy

    async def executemany(self, query: Any, params_seq: Iterable[Params], **options: Any) -> None:
        if isinstance(self.connection, Session):
            await self.connection.flush()
        await super().executemany(query, params_seq, **options)


def _bound(connection: psycopg.AsyncConnection[Any], queued: Sequence[QueuedStatement], query: Any, params: Params | None) -> bytes:
    """Return the queued statements and a query as one text with their values."""
    client = psycopg.AsyncClientCursor(connection)
    texts, values = [_with_placeholders(each.statement) for each in queued], [value for each in queued for value in each.statement.parameters]
    if isinstance(query, str) and params and not isinstance(params, Mapping):
        return client.mogrify("; ".join([*texts, query]), [*values, *params]).encode()
    return "; ".join([client.mogrify("; ".join(texts), values), client.mogrify(query, params)]).encode()


def _with_placeholders(statement: Statement) -> str:
    """Return the text as of a statement with values: in one without, a percent sign stands for itself."""
    return statement.text if statement.parameters else statement.text.replace("%", "%%")


class AsideFailed(Exception):
    """A statement failed that another handler of the same transaction had queued."""


class Session(psycopg.AsyncConnection[Any]):
    """A psycopg connection with a queue. A cursor of it sends what is queued with its own statement."""

    queued: list[QueuedStatement]
    aside: list[QueuedStatement]
    """Queued by somebody else than the present user of the connection."""
    expects_no_rare_rows: bool
    """The open transaction does not read rare rows. It fails with NotExpected if there are some (docs/decisions/0077)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queued, self.aside = [], []
        self.expects_no_rare_rows = False
        self.cursor_factory = QueueCursor

    async def wait(self, gen: PQGen[T], interval: float = WAIT_INTERVAL_SECONDS, **options: Any) -> T:  # type: ignore[override]
        """As psycopg does, which looks ten times a second whether it is to stop. A task that is to stop is woken by its loop."""
        return await super().wait(gen, interval, **options)

    async def select_row(self, text: LiteralString, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
        """Return the first row of a SELECT, as `select_rows` reads it."""
        rows = await self.select_rows(text, parameters)
        return rows[0] if rows else None

    async def select_rows(self, text: LiteralString, parameters: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a SELECT.

        If nothing but a scalar is queued, it becomes a column of this statement: one prepared statement costs two thirds of two that are
        parsed each time. Without a row its value is unknown, and it stays queued.
        """
        if len(self.queued) != 1 or self.aside or not self.queued[0].is_scalar:
            return await (await self.execute(text, parameters)).fetchall()
        [scalar], self.queued = self.queued, []
        cursor = await self.execute(f"SELECT ({scalar.statement.text}), q.* FROM ({text}) q", (*scalar.statement.parameters, *parameters))
        rows = await cursor.fetchall()
        if not rows:
            self.queued.append(scalar)
            return rows
        scalar.result = Result(0 if rows[0][0] is None else 1)
        return [row[1:] for row in rows]

    def queue(self, text: LiteralString, parameters: Sequence[Any] = (), *, is_scalar: bool = False) -> QueuedStatement:
        """Send a statement with the next one of a cursor, or with the next `flush`."""
        queued = QueuedStatement(Statement(text, parameters), is_scalar)
        self.queued.append(queued)
        return queued

    def queue_rare(self, text: LiteralString, parameters: Sequence[Any] = ()) -> QueuedStatement:
        """Queue a statement that hardly ever returns rows. `rows_of` has them."""
        queued = QueuedStatement(Statement(text, parameters), has_rows=True)
        self.queued.append(queued)
        return queued

    def is_waiting(self, queued: QueuedStatement) -> bool:
        """Whether nothing has sent it yet."""
        return any(each is queued for each in self.queued)

    async def rows_of(self, queued: QueuedStatement) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a statement of `queue_rare`. Sends it, if nothing has sent it yet and rows are not expected to be missing."""
        if queued.result is None and self.expects_no_rare_rows:
            queued.require_no_rows()
        elif queued.result is None:
            await self.flush()
        assert queued.result is not None, "its transaction is over, or it has failed"
        return queued.result.rows

    async def flush(self, *statements: Statement) -> list[Result]:
        """Send the queued statements, then these, in one round trip. Returns the results of these.

        After an error no later statement is executed.
        """
        queued, self.queued, self.aside = [*self.aside, *self.queued], [], []
        everything = [*(each.statement for each in queued), *statements]
        if not everything:
            return []
        results = await self._send(everything)
        for each, result in zip(queued, results, strict=False):
            each.result = result
        return results[len(queued) :]

    def set_aside(self) -> None:
        """Let what is queued so far fail with AsideFailed, or with the next `flush`, and not in a statement of another handler."""
        self.aside += self.queued
        self.queued = []

    async def flush_aside(self) -> None:
        """Raises AsideFailed, which no adapter takes for a failure of its own statement."""
        if not self.aside:
            return
        queued, self.queued = self.queued, []
        try:
            await self.flush()
        except psycopg.Error as error:
            raise AsideFailed(str(error)) from error
        self.queued = queued

    async def _send(self, statements: Sequence[Statement]) -> list[Result]:
        cursor = psycopg.AsyncClientCursor(self)
        parameters = [each for statement in statements for each in statement.parameters]
        await cursor.execute("; ".join(map(_with_placeholders, statements)), parameters)
        results = []
        for _ in statements:
            results.append(Result(cursor.rowcount, await cursor.fetchall() if cursor.description else (), cursor.statusmessage or ""))
            cursor.nextset()
        return results
