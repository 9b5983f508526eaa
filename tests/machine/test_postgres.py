"""Databases and roles: privileges within a context, and no access to another context's database."""

from urllib.parse import urlsplit

import psycopg
import pytest

from knative.machine.home import CONTEXTS
from tests.servers import Databases


def test_the_functions_role_reads_and_writes_rows_and_cannot_create_tables(postgres: Databases) -> None:
    database = postgres.database("auth")
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("CREATE TABLE thing (id int PRIMARY KEY)")
    with psycopg.connect(database.functions_url) as functions:
        functions.execute("INSERT INTO thing VALUES (1)")
        assert functions.execute("SELECT count(*) FROM thing").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            functions.execute("CREATE TABLE other (id int)")


def test_the_functions_role_cannot_change_the_migration_history(postgres: Databases) -> None:
    with psycopg.connect(postgres.database("auth").functions_url) as functions, pytest.raises(psycopg.errors.InsufficientPrivilege):
        functions.execute("DELETE FROM schema_history")


@pytest.mark.parametrize("context", CONTEXTS)
def test_no_role_connects_to_another_contexts_database(postgres: Databases, context: str) -> None:
    own = postgres.database(context)
    foreign = [postgres.database(other) for other in CONTEXTS if other != context]
    names = [database.name for database in foreign] + [other for other in CONTEXTS if other != context] + ["postgres", "template1"]
    for url in (own.owner_url, own.functions_url):
        psycopg.connect(url).close()
        for name in names:
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(url.rsplit("/", 1)[0] + "/" + name).close()


def test_passwords_of_192_random_bits_are_stored_without_stretching(postgres: Databases) -> None:
    """Each login of a function derives its key anew: 4,096 iterations take milliseconds of every cold start."""
    url = postgres.database("auth").functions_url
    with postgres.server.superuser() as connection:
        stored = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname ~ '_(owner|functions|reader)$' AND rolcanlogin").fetchall()
    assert len(stored) >= len(CONTEXTS) and all(verifier.startswith("SCRAM-SHA-256$1:") for (verifier,) in stored)
    parts = urlsplit(url)
    assert parts.password is not None and len(parts.password) == 48
    psycopg.connect(url).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(parts.password, parts.password[::-1])).close()
