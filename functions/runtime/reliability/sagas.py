"""How a saga is kept: its row by compare-and-set in a table of its context, its timeline in the table that all sagas of a context share.

An adapter says which table and which columns move; the row's other columns, and reading it, are the adapter's own.
"""

from collections.abc import Sequence
from typing import LiteralString, TypeVar

from functions.kernel import Transient
from functions.kernel.saga import Saga, StepTaken
from functions.runtime.storage.database import Database

S = TypeVar("S", bound=Saga)

MOVES: tuple[LiteralString, ...] = ("status", "changed_at", "deadline_at", "look_at", "finished_at", "version")
"""Columns that every saga's table has, with `id`."""


class SagaRows:
    def __init__(self, database: Database, table: LiteralString, columns: Sequence[LiteralString] = ()) -> None:
        """`columns`: those of its own that change, named as the fields of the saga."""
        self._database = database
        self._columns = (*MOVES, *columns)
        changes = ", ".join(f"{name} = %({name})s" for name in self._columns)
        self._update = f"UPDATE {table} SET {changes} WHERE id = %(id)s AND version = %(stored_version)s"

    async def added(self, saga: Saga) -> None:
        """Its row has just been inserted: its timeline follows."""
        await self._save_steps(saga)
        saga.stored_version = saga.version

    async def save(self, saga: Saga) -> None:
        """Nothing to do if it has not moved. Raises Transient if the row has changed since it was read."""
        if saga.version == saga.stored_version:
            return
        values = {name: getattr(saga, name) for name in self._columns}
        cursor = await self._database.connection.execute(self._update, {**values, "id": saga.id, "stored_version": saga.stored_version})
        if cursor.rowcount != 1:
            raise Transient(f"{type(saga).__name__.lower()} {saga.id} has changed since it was read")
        await self._save_steps(saga)
        saga.stored_version = saga.version

    async def with_steps(self, sagas: Sequence[S]) -> Sequence[S]:
        if not sagas:
            return sagas
        by_id = {saga.id: saga for saga in sagas}
        cursor = await self._database.connection.execute(
            "SELECT saga_id, step, started_at, finished_at, attempts, error FROM saga_steps WHERE saga_id = ANY(%s) ORDER BY saga_id, position",
            (list(by_id),),
        )
        for saga_id, *line in await cursor.fetchall():
            by_id[saga_id].steps.append(StepTaken(*line))
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
