"""A pool of connections with one role to one server or its replicas.

It is empty until the first message and holds at most the function's `Scale.pool`; the sum over all functions of a context stays within its budget
(`functions.describe.pools`). A pool whose server was unavailable connects again with the next message. After a failover it finds the new primary if
the URL names both servers: `host=a,b target_session_attrs=read-write`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from psycopg_pool import AsyncConnectionPool, PoolTimeout

from functions.runtime.storage.session import Session

Address = str | Callable[[], str]
"""A URL, or a function that returns the present one: it is called for each new connection, so that passwords can change."""

IDLE_SECONDS = 60
CONNECT_TIMEOUT_SECONDS = 3
PREPARE_AFTER_EXECUTIONS: int | None = 5
"""psycopg's default: a statement is prepared when a connection executes it more often."""


class ConnectionPool:
    def __init__(self, address: Address, size: int, timeout_seconds: float, *, has_prepared_statements: bool = True) -> None:
        """`size`: connections at most. `timeout_seconds`: how long to wait for one. `has_prepared_statements`: False behind PgBouncer before 1.21."""
        self.address = address
        self._timeout_seconds = timeout_seconds
        self._is_open = False
        self._places = asyncio.Semaphore(size)
        """As many as the pool has connections, so that nobody waits inside of it: there a wait is a task and three conditions, and half of a
        query's CPU where messages come faster than connections return."""
        self._pool = AsyncConnectionPool(
            address,
            connection_class=Session,
            min_size=0,
            max_size=size,
            timeout=timeout_seconds,
            reconnect_timeout=timeout_seconds,
            max_idle=IDLE_SECONDS,
            open=False,
            kwargs={
                "autocommit": True,
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "application_name": "capsule",
                "prepare_threshold": PREPARE_AFTER_EXECUTIONS if has_prepared_statements else None,
            },
        )

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Session]:
        """Take a connection, first come, first served. Raises PoolTimeout."""
        if self._places.locked():
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    await self._places.acquire()
            except TimeoutError:
                raise PoolTimeout(f"couldn't get a connection after {self._timeout_seconds:.2f} sec") from None
        else:
            await self._places.acquire()
        try:
            if not self._is_open:
                await self._pool.open()
                self._is_open = True
            async with self._pool.connection() as connection:
                yield connection
        finally:
            self._places.release()

    async def close(self) -> None:
        if self._is_open:
            await self._pool.close()
