"""Failures of the database, by what the runtime does about them."""

import psycopg
from psycopg_pool import PoolTimeout

UNAVAILABLE_ERRORS = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
"""What psycopg raises if the server is stopped, restarting, out of connections, or does not answer."""

CLASHES = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
"""A transaction lost against another one. The same work may be tried again at once."""

READ_ONLY_ERROR = psycopg.errors.ReadOnlySqlTransaction
"""In a writing transaction: a failover is under way. In a query: the query writes, which is a bug."""

LIMIT_EXCEEDED_CLASS = "54"
"""SQLSTATE class of values and statements that exceed a limit of PostgreSQL. psycopg raises OperationalError, but no retry helps."""


class DatabaseUnavailable(Exception):
    """The context's database does not answer."""


class Locked(DatabaseUnavailable):
    """Another transaction holds a lock for longer than LOCK_TIMEOUT."""


class NotPrimary(DatabaseUnavailable):
    """The server accepts no writes: a standby that is not promoted yet, or a former primary."""


class ReplicaFailed(DatabaseUnavailable):
    """A replica ended a query: it stopped, or it had to remove rows that the query may have needed. The primary can answer it."""


class CommitUnknown(DatabaseUnavailable):
    """The connection was lost while committing. The inbox shows whether the transaction was committed."""


class NotExpected(Exception):
    """A transaction expected what nearly always is so, and it was not: a message that is new, or rows that hardly ever exist.

    Nothing was committed. The same work is done again without expecting it.
    """


class RareRowsExist(NotExpected):
    """Rows that hardly ever exist do."""


NOT_EXPECTED = {"U0001": NotExpected, "U0002": RareRowsExist}
"""By SQLSTATE: sql/shared/V0_6 raises them."""


class NothingCommitted(RuntimeError):
    """A bug: a statement failed inside the transaction, and the caller ignored its error."""


class NoTransaction(RuntimeError):
    """A bug: an adapter was used outside the transaction that the runtime opens around a handler."""


def error_text(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def is_server_refusal(error: Exception) -> bool:
    """Whether the server itself refused, so that nothing was committed: no lost connection (class 08), no shutdown (57P)."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    return state is not None and not state.startswith(("08", "57P"))


def is_limit_exceeded(error: Exception) -> bool:
    return isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith(LIMIT_EXCEEDED_CLASS)
