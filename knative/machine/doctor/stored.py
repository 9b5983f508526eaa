"""What the databases hold: versions of migrations, dead letters, the outbox. External databases are read as their owners."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import errors

from knative.machine import keys, migrations
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import CONTEXTS, Home
from knative.machine.postgres import PostgreSQL
from knative.machine.row_privileges import HISTORY

CONNECT_SECONDS = 5
OPEN_DEAD_LETTERS = "SELECT count(*), coalesce(extract(epoch FROM now() - min(died_at)), 0)::float8 FROM dead_letters WHERE state = 'open'"
OUTBOX = "SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM outbox"
MAX_OUTBOX_SECONDS = 900.0
"""Housekeeping publishes every ten minutes what a function that was killed left."""


@dataclass(frozen=True, slots=True)
class Waiting:
    count: int
    oldest_seconds: float


def _contexts(home: Home) -> list[str]:
    """Contexts whose database should answer now."""
    return [each for each in CONTEXTS if home.external_database_url(each) or PostgreSQL(home).is_running()]


def _is_down(check: str) -> Finding:
    return Finding(check, Level.NOTE, "not checked: PostgreSQL does not run. ./taskw up starts it")


def check_migrations(home: Home, _: datetime) -> Iterator[Finding]:
    contexts = _contexts(home)
    if not contexts:
        yield _is_down("migrations")
        return
    files = {context: {each.hash: str(each.id) for each in migrations.migrations(context)} for context in contexts}
    yield decide_migrations(files, {context: _applied(home, context) for context in contexts})


def _applied(home: Home, context: str) -> dict[str, str]:
    with psycopg.connect(keys.migration_url(home, context), connect_timeout=CONNECT_SECONDS) as connection:
        try:
            return dict(connection.execute(f"SELECT migration_hash, migration_id FROM {HISTORY}").fetchall())
        except errors.UndefinedTable:
            return {}


def decide_migrations(files: Mapping[str, Mapping[str, str]], applied: Mapping[str, Mapping[str, str]]) -> Finding:
    """Both: name of a migration by its hash, by context."""
    versions = tuple(f"{context}: {_newest(applied[context].values())}" for context in files)
    missing = {context: sorted(set(files[context].values()) - set(applied[context].values())) for context in files}
    if late := [f"{context} lacks {len(names)} ({names[0]} …)" for context, names in missing.items() if names]:
        return Finding("migrations", Level.FAULT, "; ".join(late), "./taskw migrate", versions)
    changed = [f"{context}: {files[context][each]}" for context in files for each in files[context] if each not in applied[context]]
    if changed:
        return Finding("migrations", Level.FAULT, f"Changed after they were applied: {', '.join(changed)}", "Restore the files of sql/.", versions)
    unknown = [f"{context}: {name}" for context in files for name in applied[context].values() if name not in files[context].values()]
    if unknown:
        remedy = "Run the version of Capsule that applied them, or a newer one."
        return Finding("migrations", Level.FAULT, f"A newer version migrated: {', '.join(unknown)}", remedy, versions)
    return Finding("migrations", Level.GOOD, ", ".join(versions), details=versions)


def _newest(names: Iterable[str]) -> str:
    known = sorted(names, key=migrations.version_of)
    return known[-1].partition("__")[0] if known else "empty"


def check_dead_letters(home: Home, _: datetime) -> Iterator[Finding]:
    yield decide_dead_letters(found) if (found := _waiting(home, OPEN_DEAD_LETTERS)) else _is_down("dead letters")


def check_outbox(home: Home, _: datetime) -> Iterator[Finding]:
    yield decide_outbox(found) if (found := _waiting(home, OUTBOX)) else _is_down("outbox")


def _waiting(home: Home, query: str) -> dict[str, Waiting]:
    found = {}
    for context in _contexts(home):
        with psycopg.connect(keys.migration_url(home, context), connect_timeout=CONNECT_SECONDS) as connection:
            try:
                rows = connection.execute(query).fetchall()
            except errors.UndefinedTable:
                continue  # the finding about migrations says so
        found[context] = Waiting(int(rows[0][0]), float(rows[0][1]))
    return found


def decide_dead_letters(waiting: Mapping[str, Waiting]) -> Finding:
    open_ones = {context: each for context, each in waiting.items() if each.count}
    if not open_ones:
        return Finding("dead letters", Level.GOOD, "none")
    text = ", ".join(f"{each.count} in {context} since {each.oldest_seconds / 3600:.0f} h" for context, each in open_ones.items())
    return Finding("dead letters", Level.FAULT, text, "Replay or discard them: the dashboard's page Dead letters, or docs/operations.md.")


def decide_outbox(waiting: Mapping[str, Waiting]) -> Finding:
    late = {context: each for context, each in waiting.items() if each.count and each.oldest_seconds > MAX_OUTBOX_SECONDS}
    if late:
        text = ", ".join(f"{each.count} in {context}, the oldest {each.oldest_seconds / 60:.0f} minutes old" for context, each in late.items())
        return Finding(
            "outbox", Level.FAULT, f"Events are not published: {text}", "./taskw status: does RabbitMQ run? ./taskw logs NAME-housekeeping"
        )
    count = sum(each.count for each in waiting.values())
    return Finding("outbox", Level.GOOD, f"{count} {'event' if count == 1 else 'events'} in transit" if count else "empty")
