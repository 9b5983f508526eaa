"""Databases as a former release left them, for tests that migrate them."""

from pathlib import Path
from shutil import copytree

from knative.machine.migrations import FOLDER, migrate, migrations, version_of
from tests.servers import Database, Databases


def former_database(postgres: Databases, folder: Path, context: str, before: int) -> Database:
    """A database with all shared migrations and those of the context below version `before`."""
    newer = {f"{each.id}.sql" for each in migrations(context) if version_of(each.id) >= (before,)}
    copytree(FOLDER / "shared", folder / "shared")
    copytree(FOLDER / context, folder / context, ignore=lambda _, names: newer.intersection(names))
    database = postgres.empty(context)
    migrate(database.owner_url, context, folder)
    return database
