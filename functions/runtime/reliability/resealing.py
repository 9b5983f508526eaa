"""Seals stored secrets again after a rotation of the context's keys, so that the former key can be removed.

Rows are compared before they are changed: a secret that its user changes meanwhile stays as the user set it. Dead letters and
messages in queues stay as they are. The former key opens them until they are gone (`./taskw rotate sealing`).
"""

import logging
from collections.abc import Sequence
from typing import Any

from psycopg import sql

from functions.runtime.config.wiring import SealedColumn
from functions.runtime.security.encryption import PREFIX, CannotUnseal, ContextVault
from functions.runtime.storage.database import Database

BATCH = 500

_log = logging.getLogger("capsule.resealing")


class Resealing:
    """`columns`: all columns of this context's database that hold sealed texts."""

    def __init__(self, database: Database, vault: ContextVault, columns: Sequence[SealedColumn]) -> None:
        self._database = database
        self._vault = vault
        self._columns = columns

    async def sweep(self) -> int:
        """Seal what is sealed with another key than the current one. Returns the number of rows. Idempotent. Raises DatabaseUnavailable."""
        return sum([await self._reseal(column) for column in self._columns])

    async def _reseal(self, column: SealedColumn) -> int:
        count, last = 0, None
        while batch := await self._former(column, last):
            for *key, sealed in batch:
                count += await self._replace(column, key, sealed)
            last = batch[-1][:-1]
        return count

    async def _former(self, column: SealedColumn, after: Sequence[Any] | None) -> Sequence[Sequence[Any]]:
        names, key = _names(column)
        position = sql.SQL("AND ({}) > ({})").format(key, sql.SQL(", ").join([sql.Placeholder()] * len(column.key))) if after else sql.SQL("")
        query = sql.SQL("SELECT {key}, {name} FROM {table} WHERE {name} LIKE %s AND {name} NOT LIKE %s {position} ORDER BY {key} LIMIT {batch}")
        async with self._database.transaction(read_only=True) as connection:
            values = [f"{PREFIX}:%", f"{self._vault.current_prefix}%", *(after or ())]
            cursor = await connection.execute(query.format(**names, key=key, position=position, batch=BATCH), values)
            return await cursor.fetchall()

    async def _replace(self, column: SealedColumn, key: Sequence[Any], sealed: str) -> int:
        try:
            fresh = self._vault.seal(self._vault.open(sealed))
        except CannotUnseal as error:
            _log.error("%s of %s %s is not sealed again: %s", column.name, column.table, "/".join(map(str, key)), error)
            return 0
        names, columns = _names(column)
        query = sql.SQL("UPDATE {table} SET {name} = %s WHERE ({key}) = ({values}) AND {name} = %s")
        values = sql.SQL(", ").join([sql.Placeholder()] * len(key))
        async with self._database.transaction() as connection:
            return (await connection.execute(query.format(**names, key=columns, values=values), [fresh, *key, sealed])).rowcount


def _names(column: SealedColumn) -> tuple[dict[str, sql.Identifier], sql.Composed]:
    return {"table": sql.Identifier(column.table), "name": sql.Identifier(column.name)}, sql.SQL(", ").join(map(sql.Identifier, column.key))
