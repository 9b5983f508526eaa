"""Databases as a former release left them, for tests that migrate them."""

import re
from pathlib import Path
from shutil import copytree
from typing import Any, LiteralString

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Placeholder

from knative.machine.migrations import FOLDER, migrate, migrations, version_of
from knative.machine.postgres import Database
from tests.servers import Databases


def former_database(postgres: Databases, folder: Path, context: str, before: int) -> Database:
    """A database with all shared migrations and those of the context below version `before`."""
    newer = {f"{each.id}.sql" for each in migrations(context) if version_of(each.id) >= (before,)}
    copytree(FOLDER / "shared", folder / "shared")
    copytree(FOLDER / context, folder / context, ignore=lambda _, names: newer.intersection(names))
    database = postgres.empty(context)
    migrate(database.owner_url, context, folder)
    return database


class FormerDatabase:
    """A database that is migrated one version at a time, so that each version finds rows as the version before it wrote them."""

    def __init__(self, postgres: Databases, folder: Path, context: str) -> None:
        self.context = context
        self.database = postgres.empty(context)
        self._folder = folder
        self._stops: set[int] = set()
        copytree(FOLDER / "shared", folder / "shared")
        (folder / context).mkdir()

    def migrate_through(self, version: int) -> None:
        """Apply the context's migrations up to and including `version`."""
        for migration in migrations(self.context):
            path = Path(migration.path)
            if path.parent.name == self.context and version_of(migration.id) <= (version,):
                (self._folder / self.context / path.name).write_bytes(path.read_bytes())
        migrate(self.database.owner_url, self.context, self._folder)
        self._stops.add(version)

    def migrate_to_newest(self) -> None:
        migrate(self.database.owner_url, self.context)

    def unvisited(self, since: int) -> set[int]:
        """Versions from `since` on that change rows and were not applied one at a time to rows of the version before."""
        versions = sorted(version_of(each.id)[0] for each in migrations(self.context) if Path(each.path).parent.name == self.context)
        before = dict(zip(versions[1:], versions, strict=False))
        return {each for each in versions_that_change_rows(self.context) if each >= since and not {before[each], each} <= self._stops}

    def insert(self, table: str, **values: Any) -> None:
        """Insert one row as the owner."""
        statement = SQL("INSERT INTO {} ({}) VALUES ({})").format(
            Identifier(table), SQL(", ").join(map(Identifier, values)), SQL(", ").join(Placeholder() * len(values))
        )
        self._execute(statement, tuple(values.values()))

    def rows(self, query: LiteralString, *arguments: Any) -> list[tuple[Any, ...]]:
        return self._execute(SQL(query), arguments)

    def execute(self, statement: LiteralString, *arguments: Any) -> None:
        self._execute(SQL(statement), arguments)

    def _execute(self, statement: SQL | Composed, arguments: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.owner_url, autocommit=True) as connection:
            result = connection.execute(statement, arguments or None)
            return result.fetchall() if result.description else []


CHANGES_ROWS = re.compile(
    r"^\s*(UPDATE \w|DELETE FROM|INSERT INTO \w+[^;]* FROM )|\bSET NOT NULL\b|\bADD COLUMN\b[^;,]*\bNOT NULL\b|\bADD CONSTRAINT\b", re.MULTILINE
)


def versions_that_change_rows(context: str) -> set[int]:
    """Versions of the context that update, delete or derive rows, or add a column or condition that every row must meet."""
    texts = {version_of(each.id): Path(each.path).read_text() for each in migrations(context) if Path(each.path).parent.name == context}
    return {version for (version, *_), text in texts.items() if CHANGES_ROWS.search(_without_functions(text))}


def _without_functions(text: str) -> str:
    """Bodies of functions do not run in the migration."""
    return re.sub(r"AS \$(\w*)\$.*?\$\1\$", "", re.sub(r"--.*", "", text), flags=re.DOTALL)
