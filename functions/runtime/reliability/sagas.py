"""Stores sagas: the row by compare-and-set in a table of its context, the timeline in the table that all sagas of a context share.

An adapter names the table and the columns that change; it inserts and reads rows itself.
"""

from collections.abc import Sequence
from typing import LiteralString, TypeVar

from functions.kernel import Transient
from functions.kernel.sagas import Saga, StepRecord
from functions.runtime.storage.database import Database

S = TypeVar("S", bound=Saga)

COMMON_COLUMNS: tuple[LiteralString, ...] = ("status", "changed_at", "deadline_at", "reminder_at", "finished_at", "version")
"""Changing columns of every saga's table, in addition to `id`."""


class SagaRows:
    def __init__(self, database: Database, table: LiteralString, columns: Sequence[LiteralString] = ()) -> None:
        """`columns`: other columns that change, named as the saga's fields."""
        self._database = database
        self._columns = (*COMMON_COLUMNS, *columns)
        assignments = ", ".join(f"{name} = %({name})s" for name in self._columns)
        self._update = f"UPDATE {table} SET {assignments} WHERE id = %(id)s AND version = %(stored_version)s"

    async def save_inserted(self, saga: Saga) -> None:
        """Store the timeline of a saga whose row was just inserted."""
        await self._save_steps(saga)
        saga.stored_version = saga.version

    async def save(self, saga: Saga) -> None:
        """Update the row and the timeline, unless the saga has not moved. Raises Transient if another transaction changed the row."""
        if saga.version == saga.stored_version:
            return
        values = {name: getattr(saga, name) for name in self._columns}
        cursor = await self._database.connection.execute(self._update, {**values, "id": saga.id, "stored_version": saga.stored_version})
        if cursor.rowcount != 1:
            raise Transient(f"{type(saga).__name__.lower()} {saga.id} was changed by another transaction")
        await self._save_steps(saga)
        saga.stored_version = saga.version

    async def load_steps(self, sagas: Sequence[S]) -> Sequence[S]:
        """Read the timelines of sagas and return the sagas."""
        if not sagas:
            return sagas
        by_id = {saga.id: saga for saga in sagas}
        cursor = await self._database.connection.execute(
            "SELECT saga_id, step, started_at, finished_at, attempts, error FROM saga_steps WHERE saga_id = ANY(%s) ORDER BY saga_id, position",
            (list(by_id),),
        )
        for saga_id, *columns in await cursor.fetchall():
            by_id[saga_id].steps.append(StepRecord(*columns))
        return sagas

    async def _save_steps(self, saga: Saga) -> None:
        rows = [
            (saga.id, str(each.step), position, each.started_at, each.finished_at, each.attempts, each.error)
            for position, each in enumerate(saga.steps, start=1)
        ]
        async with self._database.connection.cursor() as cursor:
            await cursor.executemany(
                """
                INSERT INTO saga_steps (saga_id, step, position, started_at, finished_at, attempts, error) VALUES (%s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (saga_id, step)
                DO UPDATE SET finished_at = excluded.finished_at, attempts = excluded.attempts, error = excluded.error
                """,
                rows,
            )
