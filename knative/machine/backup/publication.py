"""How the last backup ended, in the database of deploy, from where `/health` reports it."""

import psycopg

from knative.machine.backup.databases import dump_url
from knative.machine.backup.outcome import Outcome
from knative.machine.home import Home

STORE = """
    INSERT INTO installation_backups (began_at, has_failed, last_good_at) VALUES (%s, %s, nullif(%s, '')::timestamptz)
    ON CONFLICT (is_last) DO UPDATE SET began_at = excluded.began_at, has_failed = excluded.has_failed, last_good_at = excluded.last_good_at
"""


def publish(home: Home) -> None:
    """Store the outcome that the state folder has. Idempotent. Without a database that knows the table, `doctor` alone reports it."""
    outcome = Outcome.read(home)
    if outcome is None:
        return
    try:
        with psycopg.connect(dump_url(home, "deploy"), autocommit=True, connect_timeout=5) as connection:
            connection.execute(STORE, (outcome.at, bool(outcome.error), outcome.last_good_at))
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        return  # the servers are stopped, or `up` has not migrated yet: the next backup stores its own outcome
