"""Databases of the monitor context in both kinds: with native partitions, and with TimescaleDB's hypertables."""

import time

import psycopg
import pytest

from knative.machine import migrations
from knative.machine.postgres import Database
from tests.servers import Databases

KINDS = ("native", "timescale")


def monitor_database(postgres: Databases, kind: str) -> Database:
    """A fresh, migrated one. Skips the test if TimescaleDB is wanted and not there."""
    fresh = _empty(postgres)
    with postgres.server.superuser(fresh.name) as connection:
        found = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
        if kind == "timescale":
            if not found:
                pytest.skip("PostgreSQL's timescaledb extension is not on this machine")
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        else:
            connection.execute("DROP EXTENSION IF EXISTS timescaledb CASCADE")
    migrations.migrate(fresh.owner_url, "monitor")
    return fresh


def _empty(postgres: Databases, tries: int = 20) -> Database:
    """TimescaleDB's background worker looks into each database now and then, and a database that has a visitor cannot be copied."""
    while True:
        try:
            return postgres.empty("monitor")
        except psycopg.errors.ObjectInUse:
            tries -= 1
            if not tries:
                raise
            time.sleep(0.5)
