"""Applies the migrations of sql/shared and sql/<context> to a context's database. Files have Flyway names; yoyo-migrations runs them.

Why yoyo: it is maintained, supports psycopg 3 and plain SQL files, and leaves the transaction to its caller. pyway records a migration in another
transaction than it runs it in and depends on DuckDB and MySQL; pgmigrate needs a compiler for psycopg2; dbmate uses its own file names.
Three behaviours of yoyo are replaced: a migration and its record commit together (yoyo uses a second connection); a second migrator waits for an
advisory lock, which ends with its connection (yoyo's lock is a row that survives a crash); the hash covers the text and not only the name, so that a
file that changed after it was applied is refused.
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

from functions.runtime.config.variables import DATABASE_URL, READER_URL
from knative.machine import row_privileges
from knative.machine.home import CONTEXTS, PROJECT
from knative.machine.problems import Problem
from knative.machine.row_privileges import HISTORY, role_of
from knative.machine.server_variables import MIGRATION_URL

FOLDER = PROJECT / "sql"
NAME = re.compile(r"V(?P<version>\d+(?:_\d+)*)__\w+")
LOCK = 0x43617073756C65  # "Capsule" in ASCII; advisory locks are per database, so contexts migrate in parallel


class SilentCursor(psycopg.Cursor[Any]):
    """A cursor without a description: yoyo prints the rows of every statement that has one."""

    @property
    def description(self) -> None:
        return None


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """Uses one connection for everything: one transaction contains a migration's statements and its record."""

    def cursor(self) -> SilentCursor:
        return SilentCursor(self.connection)

    @contextmanager
    def copy(self) -> Iterator["Backend"]:
        yield self

    @contextmanager
    def lock(self, timeout: float = 10) -> Iterator[None]:
        """Take the advisory lock. It is held until the connection closes."""
        self.execute(f"SELECT pg_advisory_lock({LOCK})")
        yield


def version_of(name: str) -> tuple[int, ...]:
    """The version in a file name, for ordering: V2 < V10, V0 < V0_1. Raises: Problem for another name."""
    match = NAME.fullmatch(name)
    if not match:
        raise Problem(f"{name}.sql is not named as a migration.", "Name it V<version>__<description>.sql")
    return tuple(int(part) for part in match["version"].split("_"))


def migrations(context: str, folder: Path = FOLDER) -> list[Any]:
    """Migrations of sql/shared and of the context (yoyo's `Migration`), ordered by version. Raises: Problem for a version that exists twice."""
    by_version: dict[tuple[int, ...], Any] = {}
    for migration in read_migrations(str(folder / "shared"), str(folder / context)):
        version = version_of(migration.id)
        if version in by_version:
            raise Problem(f"{migration.path} and {by_version[version].path} have the same version.", "Give the newer one the next free version.")
        migration.hash = checksum(migration)
        by_version[version] = migration
    return [by_version[version] for version in sorted(by_version)]


def checksum(migration: Any) -> str:
    """A hash of name and text. yoyo identifies migrations by it, so a file that changed after it was applied is a different migration."""
    return sha256(f"{migration.id}\0{Path(migration.path).read_text(encoding='utf-8')}".encode()).hexdigest()


def migrate(url: str, context: str, folder: Path = FOLDER, *, functions: str | None = None, reader: str | None = None) -> list[str]:
    """Apply the missing migrations and return their file names. Idempotent; concurrent calls wait for each other.

    `functions`, `reader`: roles that get the privileges on rows which they need (`row_privileges`).

    Raises: Problem for a migration that fails (it is rolled back), that changed after it was applied, or whose file is missing.
    """
    files = migrations(context, folder)
    backend = Backend(parse_uri(url.replace("postgresql://", "postgresql+psycopg://", 1)), HISTORY)
    try:
        backend.execute("SET client_min_messages = warning")
        with backend.lock():
            backend.ensure_internal_schema_updated()
        row_privileges.revoke_history(backend.connection)
        applied = dict(backend.execute(f"SELECT migration_hash, migration_id FROM {HISTORY}").fetchall())
        _refuse_changes(applied, {migration.id: migration for migration in files}, context)
        names = [_apply(backend, migration) for migration in files if migration.hash not in applied]
        if functions or reader:
            _grant(backend, functions, reader)
        return names
    finally:
        backend.connection.close()


def _refuse_changes(applied: dict[str, str], files: dict[str, Any], context: str) -> None:
    for hash_, name in applied.items():
        if name not in files:
            raise Problem(
                f"{name}.sql is applied to database {context}, but sql/ has no such file.",
                "Is this an older checkout? Use the version that applied it.",
            )
        if files[name].hash != hash_:
            raise Problem(
                f"{files[name].path} was changed after it was applied to database {context}.",
                "Restore it (git checkout) and write the change as a new migration.",
            )


def _apply(backend: Backend, migration: Any) -> str:
    try:
        with backend.transaction():
            backend.apply_one(migration)
    except psycopg.Error as error:
        raise Problem(
            f"Migration {migration.path} failed: {error.diag.message_primary or error}", "It was rolled back. Fix the file, then ./taskw migrate"
        ) from error
    return f"{migration.id}.sql"


def _grant(backend: Backend, functions: str | None, reader: str | None) -> None:
    try:
        row_privileges.grant(backend.connection, functions, reader)
    except psycopg.Error as error:
        raise Problem(
            f"The owner of the database cannot grant privileges to {functions} and {reader}: {error.diag.message_primary or error}",
            "Create the roles and the database as docs/cluster.md says (Databases).",
        ) from error


def main(arguments: list[str]) -> int:
    """The migration Job of a cluster: the URLs of the owner, the functions and readers come from the context's Secrets. Returns the exit code."""
    for context in arguments:
        url = os.environ.get(MIGRATION_URL.of(context).name)
        if context not in CONTEXTS or not url:
            print(f"usage: {MIGRATION_URL.name}=… python -m knative.machine.migrations {'|'.join(CONTEXTS)}", file=sys.stderr)
            return 2
        try:
            roles = [role_of(os.environ.get(setting.of(context).name)) for setting in (DATABASE_URL, READER_URL)]
            for file_name in migrate(url, context, functions=roles[0], reader=roles[1]):
                print(f"{context}: {file_name}")
        except (Problem, psycopg.OperationalError) as problem:
            remedy = f" {problem.remedy}" if isinstance(problem, Problem) else ""
            print(f"{context}: {problem}{remedy}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
