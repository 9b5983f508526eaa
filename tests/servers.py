"""Real RabbitMQ and PostgreSQL for tests: one of each for the whole run, shared by pytest-xdist's workers, started by the first test that asks.

A test gets what is its own inside of them: a fresh database made from a migrated template, a fresh virtual host. Both live until the tests of
their module have run. A test that stops a server takes one of its own (`own_postgres`, `own_rabbitmq`).

The servers live in a folder of their own that is thrown away. To keep them between runs: `CAPSULE_TEST_HOME=/tmp/capsule-tests pytest …`.
"""

import dataclasses
import functools
import hashlib
import os
import random
import shutil
import tempfile
import time
import uuid
from pathlib import Path

import psycopg
from filelock import FileLock
from psycopg import sql

from knative.machine import leftovers, migrations, packages, processes
from knative.machine.home import CONTEXTS, Home, Ports
from knative.machine.postgres import Database, PostgreSQL, grant_connect
from knative.machine.rabbitmq import RabbitMQ

HOME = "CAPSULE_TEST_HOME"
POOLER_PORT = "CAPSULE_TEST_POOLER_PORT"
"""Set: functions connect to PostgreSQL through a transaction pooler on this port (tests/pgbouncer.py)."""
RESERVED = Path(tempfile.gettempdir()) / f"capsule-test-ports-{os.getuid()}"
RESERVED_SECONDS = 180
LEAST_OFFSET = 260
"""Installations by hand are at small offsets."""
FIRST_POD_PORT = 12000


def fresh_home(prefix: str = "capsule-test-") -> Home:
    """A state folder that any account can reach, with ports that nobody has, below the range of outgoing connections."""
    path = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    return Home(path, Ports(free_offset()), task_environment())


def task_environment() -> dict[str, str]:
    """The environment of `./taskw` in tests: this process's without its own Capsule, a short observation of releases, and no rate
    limits: all clients of the tests have one address."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}
    return inherited | {"CAPSULE_OBSERVATION_SECONDS": "1", "CAPSULE_GATEWAY_RATE_LIMITS": "off"}


def free_offset() -> int:
    """Ports below those of pods (12000 and up) and of outgoing connections (32768 and up): a server that was stopped finds its own again.

    No two offsets share a port, and one that was given out is not given to another run before its servers have had time to listen.
    """
    RESERVED.mkdir(exist_ok=True)
    offsets = list(_offsets())
    random.shuffle(offsets)
    for offset in offsets:
        if all(processes.find_port_holder(port) is None for port in Ports(offset).all) and _reserve(RESERVED / str(offset)):
            return offset
    raise RuntimeError(f"every port offset is in use; reservations are in {RESERVED}")


def release_offset(offset: int) -> None:
    """The servers have stopped."""
    (RESERVED / str(offset)).unlink(missing_ok=True)


@functools.cache
def _offsets() -> tuple[int, ...]:
    found, used = [], set(Ports(0).all)
    for offset in range(LEAST_OFFSET, FIRST_POD_PORT - max(Ports(0).all)):
        ports = Ports(offset).all
        if used.isdisjoint(ports):
            found.append(offset)
            used.update(ports)
    return tuple(found)


def _reserve(mark: Path) -> bool:
    with FileLock(RESERVED / "lock"):
        if mark.exists() and time.time() - mark.stat().st_mtime < RESERVED_SECONDS:
            return False
        mark.touch()
        return True


def discard(home: Home) -> None:
    """Nothing in it is needed any more: no need to wait for an orderly end."""
    processes.terminate(leftovers.find_leftovers(home), timeout_seconds=0)
    processes.terminate(leftovers.find_leftovers(home), timeout_seconds=2)
    leftovers.remove_control_groups(home)
    leftovers.unmount_volumes(home)
    shutil.rmtree(home.path, ignore_errors=True)
    release_offset(home.ports.offset)


class Servers:
    """This run's servers; every worker has its own object on the same folder."""

    def __init__(self, home: Path) -> None:
        self.path = home
        self.databases: list[str] = []
        self.vhosts: list[str] = []

    def lock(self) -> FileLock:
        return FileLock(self.path / "lock")

    def home(self) -> Home:
        """Ports are chosen once and written down for the other workers."""
        written = self.path / "offset"
        if not written.exists():
            written.write_text(str(free_offset()))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}
        home = Home(self.path, Ports(int(written.read_text())), environment)
        home.create()
        return home

    def postgres(self) -> PostgreSQL:
        with self.lock():
            server = PostgreSQL(self.home(), durable=False)
            if not server.is_running():
                packages.install([packages.POSTGRES], print)
                server.start()
                server.create_databases()
            return server

    def rabbitmq(self) -> RabbitMQ:
        with self.lock():
            server = RabbitMQ(self.home())
            if not server.is_running():
                packages.install([packages.RABBITMQ], print)
            server.start()
            return server

    def forget(self) -> None:
        """Drops what the module's tests made."""
        if self.databases:
            with PostgreSQL(self.home()).superuser() as connection:
                for name in self.databases:
                    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        for name in self.vhosts:
            RabbitMQ(self.home()).delete_vhost(name)
        self.databases.clear()
        self.vhosts.clear()


class Databases:
    """What a test sees of PostgreSQL."""

    def __init__(self, servers: Servers, server: PostgreSQL) -> None:
        self.servers = servers
        self.server = server

    def database(self, context: str) -> Database:
        """A fresh, migrated database of this context, with the addresses of its owner and of the functions' role."""
        template = self._template(context)
        name = f"{context}_{uuid.uuid4().hex[:12]}"
        with self.server.superuser() as connection:
            self._create(connection, name, context, template)
        self.servers.databases.append(name)
        return self._through_pooler(self.server.database(context, name))

    def _through_pooler(self, database: Database) -> Database:
        if not (port := os.environ.get(POOLER_PORT)):
            return database
        direct, pooled = f":{self.server.home.ports.postgres}/", f":{port}/"
        return dataclasses.replace(
            database, functions_url=database.functions_url.replace(direct, pooled), reader_url=database.reader_url.replace(direct, pooled)
        )

    def empty(self, context: str) -> Database:
        """A fresh database without migrations: for tests of the migrations themselves."""
        name = f"{context}_{uuid.uuid4().hex[:12]}"
        with self.server.superuser() as connection:
            self._create(connection, name, context, context)
        self.servers.databases.append(name)
        return self.server.database(context, name)

    def _template(self, context: str) -> str:
        """Migrated once a run; named by what the migrations say, so that servers kept between runs see a change."""
        if context not in CONTEXTS:
            raise ValueError(f"no context {context}: {', '.join(CONTEXTS)}")
        digest = hashlib.sha256(b"".join(m.id.encode() + Path(m.path).read_bytes() for m in migrations.migrations(context))).hexdigest()[:12]
        name = f"template_{context}_{digest}"
        with self.servers.lock(), self.server.superuser() as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                making = f"{name}_{uuid.uuid4().hex[:6]}"
                self._create(connection, making, context, context)
                migrations.migrate(self.server.url(f"{context}_owner", making), context)
                connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(making), sql.Identifier(name)))
        return name

    def _create(self, connection: psycopg.Connection, name: str, context: str, template: str) -> None:
        statement = "CREATE DATABASE {} OWNER {} TEMPLATE {}"
        connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(f"{context}_owner"), sql.Identifier(template)))
        grant_connect(connection, name, context)


class Brokers:
    """What a test sees of RabbitMQ."""

    def __init__(self, servers: Servers, server: RabbitMQ) -> None:
        self.servers = servers
        self.server = server

    def vhost(self) -> str:
        """The address of a fresh virtual host."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        url = self.server.create_vhost(name)
        self.servers.vhosts.append(name)
        return url
