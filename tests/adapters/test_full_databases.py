"""A database that is full: its logins read and delete, and nothing that its owner has prepared lets them write. Then it is writable again."""

from contextlib import suppress

import psycopg
import pytest
from psycopg import errors

from functions.deploy.domain.service_plans import SMALL
from knative.machine.services_postgres import ServicesPostgres
from tests.adapters.services_server import connect, provisioner_on, services_postgres
from tests.adapters.test_service_provisioner import PASSWORD, created, new_database

__all__ = ["services_postgres"]
PREPARED = """
    CREATE TABLE notes (text text);
    INSERT INTO notes SELECT repeat('x', 1000) FROM generate_series(1, 2000);
    CREATE VIEW recent AS SELECT * FROM notes;
    CREATE TABLE trap (id int);
    INSERT INTO trap VALUES (1);
    CREATE RULE trap AS ON DELETE TO trap DO INSTEAD INSERT INTO notes VALUES ('rule');
    CREATE FUNCTION fill() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ INSERT INTO notes VALUES ('definer') $$;
    GRANT ALL ON SCHEMA public TO PUBLIC;
    GRANT ALL ON notes TO PUBLIC;
    CREATE SCHEMA "Odd schema";
    CREATE TABLE "Odd schema"."Odd table" (id serial PRIMARY KEY);
"""
WRITES = (
    "INSERT INTO notes VALUES ('x')",
    "UPDATE notes SET text = text || text",
    "COPY notes FROM PROGRAM 'echo x'",
    "SELECT fill()",
    "DELETE FROM trap",
    "INSERT INTO recent VALUES ('x')",
    "CREATE TABLE more (id int)",
    "CREATE TEMPORARY TABLE more (id int)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_create(0)",
    "ALTER TABLE notes ADD COLUMN more text DEFAULT repeat('x', 1000)",
    "CREATE INDEX ON notes (text)",
    "ALTER FUNCTION fill() SECURITY DEFINER",
    "INSERT INTO mine VALUES (1)",
)
BEFORE = (
    "",
    "RESET ROLE",
    "SET default_transaction_read_only = off; SET ROLE {database}",
    "SET SESSION AUTHORIZATION {database}",
    "GRANT INSERT ON notes TO PUBLIC",
)


async def test_a_full_database_is_not_written_whatever_its_owner_has_prepared(services_postgres: ServicesPostgres) -> None:
    provisioner, database = provisioner_on(services_postgres), new_database()
    url = await created(provisioner, database)
    with connect(url) as owner:
        owner.execute(PREPARED)
        owner.execute(f"GRANT ALL ON SCHEMA public TO {database}_1")
        owner.execute("RESET ROLE")
        owner.execute("CREATE TABLE mine (id int)")
    open_session = connect(url)
    for _ in range(2):
        await provisioner.set_writable(database, False)
    with pytest.raises(psycopg.OperationalError):
        open_session.execute("INSERT INTO notes VALUES ('x')")
    rotated = await provisioner.add_login(database, f"{database}_2", PASSWORD, SMALL)
    for address in (url, rotated):
        for before in BEFORE:
            with connect(address) as session:
                with suppress(errors.InsufficientPrivilege):  # then as it is
                    session.execute(before.format(database=database))
                for write in WRITES:
                    with pytest.raises(errors.InsufficientPrivilege):
                        session.execute(write)


async def test_deleted_rows_give_their_space_back_and_it_is_writable_again(services_postgres: ServicesPostgres) -> None:
    provisioner, database = provisioner_on(services_postgres), new_database()
    url = await created(provisioner, database)
    with connect(url) as owner:
        owner.execute(PREPARED)
        assert owner.execute("SELECT lo_from_bytea(0, 'x')").fetchone()
    before = (await provisioner.usage(database)).size_bytes
    await provisioner.set_writable(database, False)
    with connect(url) as session:
        assert session.execute("SELECT count(*) FROM recent").fetchone() == (2000,)
        session.execute('TRUNCATE "Odd schema"."Odd table"')
        session.execute("DELETE FROM notes")
    await provisioner.reclaim(database)
    assert (await provisioner.usage(database)).size_bytes < before - 2_000_000
    await provisioner.set_writable(database, True)
    with connect(url) as session:
        session.execute("SELECT fill()")
        session.execute("CREATE TEMPORARY TABLE more (id int)")
        assert session.execute("SELECT prosecdef FROM pg_proc WHERE proname = 'fill'").fetchone() == (True,)
        assert session.execute("SELECT current_user").fetchone() == (database,)
    await provisioner.delete(database)


async def test_a_full_database_is_deleted(services_postgres: ServicesPostgres) -> None:
    provisioner, database = provisioner_on(services_postgres), new_database()
    await created(provisioner, database)
    await provisioner.set_writable(database, False)
    await provisioner.delete(database)
    with services_postgres.superuser() as superuser:
        assert superuser.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE %s", (f"{database}%",)).fetchone() == (0,)
