"""Applies sql/shared and sql/<context> to a context's database with yoyo-migrations; the files are named as Flyway names them.

Why yoyo: it is kept, knows psycopg 3 and plain SQL files, and leaves the transaction to its caller. pyway records a file in another
transaction than it runs it in and brings DuckDB and MySQL along; pgmigrate wants a compiler for psycopg2; dbmate has file names of its own.
Three of yoyo's habits are turned here: a migration and its record commit together (yoyo would use a second connection); an advisory lock,
which goes with its connection, makes a second migrator wait (yoyo's own lock is a row that a crash leaves behind); the record's hash covers the
text and not only the name, so that a file which was changed after it was applied is refused.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri

from knative.machine.home import CONTEXTS, PROJECT
from knative.machine.problems import Problem

FOLDER = PROJECT / "sql"
HISTORY = "schema_history"
NAME = re.compile(r"V(?P<version>\d+(?:_\d+)*)__\w+")
LOCK = 0x43617073756C65  # "Capsule": an advisory lock is per database, so contexts don't wait for one another


class Quiet(psycopg.Cursor[Any]):
    """yoyo prints the rows of whatever has a description; a migration's SELECT calls a function and is not for reading."""

    @property
    def description(self) -> None:
        return None


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """All on one connection: one transaction can hold a migration's statements and its record, and the advisory lock goes with it."""

    def cursor(self) -> Quiet:
        return Quiet(self.connection)

    @contextmanager
    def copy(self) -> Iterator["Backend"]:
        yield self

    @contextmanager
    def lock(self, timeout: float = 10) -> Iterator[None]:
        """Taken for as long as the connection lives."""
        self.execute(f"SELECT pg_advisory_lock({LOCK})")
        yield


def version_of(name: str) -> tuple[int, ...]:
    """V2 comes before V10, and V0 before V0_1. Raises Problem for a file that is not named as a migration."""
    match = NAME.fullmatch(name)
    if not match:
        raise Problem(f"{name}.sql is not named as a migration", "name it V<version>__<what>.sql")
    return tuple(int(part) for part in match["version"].split("_"))


def migrations(context: str, folder: Path = FOLDER) -> list[Any]:
    """The shared ones and the context's (yoyo's Migration), in the order of their versions."""
    found: dict[tuple[int, ...], Any] = {}
    for migration in read_migrations(str(folder / "shared"), str(folder / context)):
        version = version_of(migration.id)
        if version in found:
            raise Problem(f"{migration.path} and {found[version].path} have the same version", "give the newer one the next free version")
        migration.hash = checksum(migration)
        found[version] = migration
    return [found[version] for version in sorted(found)]


def checksum(migration: Any) -> str:
    """yoyo knows a migration by the hash of its name; with the text in it, a file that was changed after it was applied is another one."""
    return sha256(f"{migration.id}\0{Path(migration.path).read_text(encoding='utf-8')}".encode()).hexdigest()


def migrate(url: str, context: str, folder: Path = FOLDER) -> list[str]:
    """Applies what is missing and returns the names. Raises Problem for a file that fails (nothing of it is kept), was changed or is gone."""
    wanted = migrations(context, folder)
    backend = Backend(parse_uri(url.replace("postgresql://", "postgresql+psycopg://", 1)), HISTORY)
    try:
        backend.execute("SET client_min_messages = warning")
        with backend.lock():
            backend.ensure_internal_schema_updated()
        _keep_for_the_owner(backend)
        applied = dict(backend.execute(f"SELECT migration_hash, migration_id FROM {HISTORY}").fetchall())
        _refuse_changes(applied, {migration.id: migration for migration in wanted}, context)
        return [_apply(backend, migration) for migration in wanted if migration.hash not in applied]
    finally:
        backend.connection.close()


def _refuse_changes(applied: dict[str, str], files: dict[str, Any], context: str) -> None:
    for hash_, name in applied.items():
        if name not in files:
            raise Problem(
                f"{name}.sql is applied to database {context}, but sql/ has no such file", "is this an older checkout? Take the one that wrote it"
            )
        if files[name].hash != hash_:
            raise Problem(
                f"{files[name].path} was changed after it was applied to database {context}",
                "restore it (git checkout) and write the change as a new migration",
            )


def _apply(backend: Backend, migration: Any) -> str:
    try:
        with backend.transaction():
            backend.apply_one(migration)
    except psycopg.Error as error:
        raise Problem(
            f"migration {migration.path} failed: {error.diag.message_primary or error}", "nothing of it was kept; mend the file, then ./taskw migrate"
        ) from error
    return f"{migration.id}.sql"


def _keep_for_the_owner(backend: Backend) -> None:
    """Default privileges gave the functions' role rows of yoyo's tables too; the history is the owner's."""
    backend.connection.execute(
        f"""DO $$ DECLARE found record; BEGIN
        FOR found IN SELECT g.grantee, g.table_name FROM information_schema.role_table_grants g
            WHERE g.table_schema = current_schema() AND g.grantee <> current_user
            AND (g.table_name = '{HISTORY}' OR g.table_name LIKE '\\_yoyo%') LOOP
            EXECUTE format('REVOKE ALL ON %I FROM %I', found.table_name, found.grantee);
        END LOOP; END $$"""
    )


def main(arguments: list[str]) -> int:
    """A cluster's migration Job: the context's owner address comes from its Secret."""
    for context in arguments:
        url = os.environ.get(f"CAPSULE_{context.upper()}_MIGRATION_URL")
        if context not in CONTEXTS or not url:
            print(f"usage: CAPSULE_<CONTEXT>_MIGRATION_URL=… python -m knative.machine.migrations {'|'.join(CONTEXTS)}", file=sys.stderr)
            return 2
        try:
            for script in migrate(url, context):
                print(f"{context}: {script}")
        except (Problem, psycopg.OperationalError) as problem:
            print(f"{context}: {problem}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
