"""Databases that have more data than their plan allows: their logins may read and delete, and nothing that they can undo lets them write.

`default_transaction_read_only` is a session's own to change, and an owner can grant itself what was revoked. So a login acts as another role
while its database is full: one that owns nothing, with SELECT, DELETE and TRUNCATE. Ways around it that an owner could have prepared are
closed: what logins own, privileges of PUBLIC and of logins, rules, and SECURITY DEFINER, which is given back when the database is writable.
Large objects are closed where the server has `TEMPLATE`.
"""

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from functions.wire.service_databases import LARGE_OBJECTS

VACUUM_TIMEOUT = "60s"
LOCK_TIMEOUT = "2s"

OWNED = "SELECT oid FROM pg_roles WHERE rolname = %s"
SCHEMAS: LiteralString = f"SELECT nspname FROM pg_namespace WHERE nspowner = ({OWNED})"
RELATIONS: LiteralString = (
    "SELECT nspname, relname, relkind IN ('r', 'p') AND NOT relhasrules FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    f" WHERE relowner = ({OWNED}) AND relkind IN ('r', 'p', 'v', 'm', 'f')"
)
DEFINERS: LiteralString = f"SELECT oid FROM pg_proc WHERE proowner = ({OWNED}) AND prosecdef"


def reader_of(database: str) -> str:
    """Return the role as which logins act while the database is full."""
    return f"{database}_full"


async def is_full(connection: psycopg.AsyncConnection, database: str) -> bool:
    return await (await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (reader_of(database),))).fetchone() is not None


async def restrict(inside: psycopg.AsyncConnection, database: str, logins: list[str]) -> None:
    """Close the database for writing, as the provisioner inside of it. The role exists, and no session of the logins is left. Idempotent."""
    reader = reader_of(database)
    for login in logins:
        await _run(inside, "REASSIGN OWNED BY {} TO {}", login, database)
        await _run(inside, "DROP OWNED BY {}", login)
        await _run(inside, "GRANT CONNECT ON DATABASE {} TO {}", database, login)
    for (schema,) in await _rows(inside, SCHEMAS, database):
        await _run(inside, "REVOKE CREATE ON SCHEMA {} FROM PUBLIC", schema)
        await _run(inside, "GRANT USAGE ON SCHEMA {} TO {}", schema, reader)
    for schema, relation, is_deletable in await _rows(inside, RELATIONS, database):
        await _run(inside, "REVOKE ALL ON {}.{} FROM PUBLIC", schema, relation)
        await _run(inside, "GRANT SELECT" + (", DELETE, TRUNCATE" if is_deletable else "") + " ON {}.{} TO {}", schema, relation, reader)
    definers = [each for (each,) in await _rows(inside, DEFINERS, database)]
    for each in definers:
        await inside.execute(sql.SQL("ALTER ROUTINE {} SECURITY INVOKER").format(await _signature(inside, each)))
    remembered = sorted({*await _remembered(inside, reader), *definers})
    await inside.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(reader), sql.Literal(",".join(map(str, remembered)))))


async def lift(inside: psycopg.AsyncConnection, database: str) -> None:
    """Undo `restrict`, but for privileges of PUBLIC and of logins. Idempotent."""
    reader = reader_of(database)
    for each in await _remembered(inside, reader):
        if await _rows(inside, "SELECT 1 FROM pg_proc WHERE oid = %s", each):
            await inside.execute(sql.SQL("ALTER ROUTINE {} SECURITY DEFINER").format(await _signature(inside, each)))
    await _run(inside, "DROP OWNED BY {}", reader)


async def reclaim(inside: psycopg.AsyncConnection, database: str) -> None:
    """Give the space of deleted rows back, which its owner may not while the database is full. Tables that are in use are left out."""
    await inside.execute(f"SET statement_timeout = '{VACUUM_TIMEOUT}'")
    await inside.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    for schema, relation, is_deletable in await _rows(inside, RELATIONS, database):
        if is_deletable:
            try:
                await _run(inside, "VACUUM (FULL) {}.{}", schema, relation)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.UndefinedTable):
                continue  # the next measurement tries again


async def allow_large_objects(inside: psycopg.AsyncConnection, database: str) -> None:
    """Let the owner create large objects where the server's template has taken that from PUBLIC."""
    for each in LARGE_OBJECTS:
        cursor = await inside.execute("SELECT has_function_privilege(%s, 'EXECUTE WITH GRANT OPTION')", (f"pg_catalog.{each}",))
        row = await cursor.fetchone()
        if row is not None and row[0]:
            await inside.execute(sql.SQL(f"GRANT EXECUTE ON FUNCTION pg_catalog.{each} TO {{}}").format(sql.Identifier(database)))


async def _remembered(inside: psycopg.AsyncConnection, reader: str) -> list[int]:
    rows = await _rows(inside, "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s", reader)
    text = rows[0][0] if rows else None
    return [int(each) for each in str(text or "").split(",") if each]


async def _signature(inside: psycopg.AsyncConnection, function: int) -> sql.SQL:
    query: LiteralString = (
        "SELECT quote_ident(nspname), quote_ident(proname), pg_get_function_identity_arguments(pg_proc.oid)"
        " FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE pg_proc.oid = %s"
    )
    ((schema, name, arguments),) = await _rows(inside, query, function)
    return sql.SQL(f"{schema}.{name}({arguments})")  # quoted by the server


async def _rows(inside: psycopg.AsyncConnection, query: LiteralString, value: object) -> list[tuple[Any, ...]]:
    return await (await inside.execute(query, (value,))).fetchall()


async def _run(inside: psycopg.AsyncConnection, statement: LiteralString, *names: str) -> None:
    await inside.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
