"""Databases of the monitor context in both kinds: with native partitions, and with TimescaleDB's hypertables."""

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import datetime

import psycopg
import pytest

from functions.monitor import ports
from functions.monitor.adapters import alerts, dead_letters, disk, erasures, logs, metrics, notifications, postgres, series
from functions.runtime.storage.database import Database as Pool
from knative.machine import migrations
from knative.machine.postgres import Database
from tests.memory import monitor as memory
from tests.memory import monitor_alerts as memory_alerts
from tests.memory import monitor_metrics as memory_metrics
from tests.memory.monitor_erasures import MemoryErasures
from tests.servers import Databases

KINDS = ("native", "timescale")


def monitor_database(servers: Databases, kind: str) -> Database:
    """A fresh, migrated one. Skips the test if TimescaleDB is wanted and not there."""
    with servers.server.superuser() as connection:
        found = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    if not found:
        if kind == "timescale":
            pytest.skip("PostgreSQL's timescaledb extension is not on this machine")
        return servers.server.database("monitor", servers.database("monitor").name)  # its addresses lead to PostgreSQL itself
    fresh = _empty(servers)
    with servers.server.superuser(fresh.name) as connection:
        if kind == "timescale":
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        else:
            connection.execute("DROP EXTENSION IF EXISTS timescaledb CASCADE")
    migrations.migrate(fresh.owner_url, "monitor")
    return fresh


def _empty(servers: Databases, tries: int = 20) -> Database:
    """TimescaleDB's background worker looks into each database now and then, and a database that has a visitor cannot be copied."""
    while True:
        try:
            return servers.empty("monitor")
        except psycopg.errors.ObjectInUse:
            tries -= 1
            if not tries:
                raise
            time.sleep(0.5)


class Store:
    """Every port that stores, over a database or in memory."""

    def __init__(self, database: Pool | None) -> None:
        self.database = database
        self.unowned: ports.UnownedUsage = postgres.PostgresUnownedUsage(database) if database else memory.MemoryUnownedUsage()
        markers = memory.MemoryMarkers()
        self.markers: ports.Markers = postgres.PostgresMarkers(database) if database else markers
        self.applications: ports.Applications = postgres.PostgresApplications(database) if database else memory.MemoryApplications(markers)
        self.logs: ports.Logs = logs.PostgresLogs(database) if database else memory.MemoryLogs()
        self.executions: ports.Executions = series.PostgresExecutions(database) if database else memory.MemoryExecutions()
        self.requests: ports.Requests = metrics.PostgresRequests(database) if database else memory_metrics.MemoryRequests()
        self.resources: ports.Resources = metrics.PostgresResources(database) if database else memory_metrics.MemoryResources()
        self.disks: ports.DiskUsages = disk.PostgresDiskUsages(database) if database else memory_metrics.MemoryDiskUsages()
        self.rules: ports.Rules = alerts.PostgresRules(database) if database else self._memory_rules()
        self.alerts: ports.Alerts = alerts.PostgresAlerts(database) if database else self._memory_alerts()
        self.addresses: ports.Addresses = alerts.PostgresAddresses(database) if database else memory_alerts.MemoryAddresses()
        self.letters: ports.DeadLetters = dead_letters.PostgresDeadLetters(database) if database else memory_alerts.MemoryDeadLetters()
        self.channels: ports.Channels = notifications.PostgresChannels(database) if database else memory_alerts.MemoryChannels()
        self.deliveries: ports.Deliveries = notifications.PostgresDeliveries(database) if database else memory_alerts.MemoryDeliveries()

        self.erasures: ports.Erasures = erasures.PostgresErasures(database) if database else self._memory_erasures()

    def _memory_alerts(self) -> ports.Alerts:
        assert isinstance(self.applications, memory.MemoryApplications)
        return memory_alerts.MemoryAlerts(self.applications)

    def _memory_rules(self) -> ports.Rules:
        assert isinstance(self.applications, memory.MemoryApplications)
        return memory_alerts.MemoryRules(self.applications)

    def _memory_erasures(self) -> ports.Erasures:
        assert isinstance(self.applications, memory.MemoryApplications) and isinstance(self.addresses, memory_alerts.MemoryAddresses)
        stores = (self.logs, self.requests, self.resources, self.alerts, self.rules, self.channels, self.deliveries, self.disks)
        return MemoryErasures(self.applications, self.addresses, stores)

    def transaction(self) -> AbstractAsyncContextManager[object]:
        return self.database.transaction() if self.database else nullcontext()

    async def roll(self, since: datetime) -> None:
        """Sums up what there is; in memory there is nothing to sum up."""
        if self.database:
            async with self.database.transaction():
                await metrics.PostgresRollups(self.database).roll(since)


@asynccontextmanager
async def stored(servers: Databases, kind: str, urls: dict[str, str]) -> AsyncIterator[Store]:
    """`kind`: memory, or one of KINDS, whose database is made once and remembered in `urls`."""
    if kind == "memory":
        yield Store(None)
        return
    if kind not in urls:
        urls[kind] = monitor_database(servers, kind).functions_url
    pool = Pool(urls[kind])
    yield Store(pool)
    await pool.close()
