"""Privileges on the rows of a context's tables: what functions and readers may do, granted by the owner of the database.

The owner of a database can grant all of it, so a migration does on every server. What it cannot do (roles, the database itself, CONNECT) a superuser
does: on the local server `postgres`, on others as docs/cluster.md says.
"""

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

HISTORY = "schema_history"
"""The table in which migrations are recorded."""
_FOR_FUNCTIONS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",  # tables that are older than this role
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
)
_FOR_READERS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
)


def grant(connection: psycopg.Connection, functions: str | None, reader: str | None) -> None:
    """Grant privileges on tables and sequences of the schema `public`, existing and future ones of this role. Idempotent.

    `connection`: of the owner. `functions`, `reader`: names of roles; None, or the owner itself, needs nothing. Raises: psycopg.Error, for example
    for a role that does not exist.
    """
    owner = connection.execute("SELECT current_user").fetchone()
    with connection.transaction():
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        for role, statements in ((functions, _FOR_FUNCTIONS), (reader, _FOR_READERS)):
            if role is not None and (role,) != owner:
                for statement in statements:
                    connection.execute(sql.SQL(statement).format(role=sql.Identifier(role)))
        revoke_history(connection)


def revoke_history(connection: psycopg.Connection) -> None:
    """Revoke what was granted on yoyo's tables: only the owner may change the history."""
    connection.execute(
        f"""DO $$ DECLARE privilege record; BEGIN
        FOR privilege IN SELECT g.grantee, g.table_name FROM information_schema.role_table_grants g
            WHERE g.table_schema = current_schema() AND g.grantee <> current_user
            AND (g.table_name = '{HISTORY}' OR g.table_name LIKE '\\_yoyo%') LOOP
            EXECUTE format('REVOKE ALL ON %I FROM %I', privilege.table_name, privilege.grantee);
        END LOOP; END $$"""
    )


def role_of(url: str | None) -> str | None:
    """Return the name of the role in a URL, or None."""
    user = conninfo_to_dict(url).get("user") if url else None
    return str(user) if user else None
