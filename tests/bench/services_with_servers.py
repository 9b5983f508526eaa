"""Figures of services that have a server each: dedicated databases and Redis, run by the one-machine Knative's front in this process."""

import asyncio
import os
import statistics
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import psutil
import psycopg
from redis import Redis

from functions.deploy.adapters.dedicated_provisioner import DedicatedPostgresProvisioner
from functions.deploy.adapters.redis_backups import RedisBackups
from functions.deploy.adapters.redis_provisioner import RedisServiceProvisioner
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_plans import MEDIUM, SMALL_REDIS
from functions.runtime.config.settings import Settings
from knative.local.processes.control_groups import ControlGroups
from knative.local.processes.launcher import Launcher
from knative.local.serving.node import SERVICES_WEIGHT
from knative.local.serving.postgres_services import PostgresFront, commands
from knative.local.serving.redis_services import RedisFront
from knative.local.serving.service_account import ACCOUNT
from knative.machine import accounts, packages
from knative.machine.home import Home

PASSWORD = "of-the-provisioner"
CREATIONS = 10
IDLE_SERVICES = 100
REDIS_KEYS, REDIS_BYTES = 50_000, 1000


class Fronts:
    """The fronts of both kinds, in a loop of their own. `has_groups`: whether servers have control groups."""

    def __init__(self, home: Home, shared_port: int) -> None:
        packages.install([packages.REDIS], print)
        accounts.own_account(ACCOUNT)
        for name in ("services-dedicated", "services-redis"):
            (home.path / name).mkdir(mode=0o711)
        self.groups = ControlGroups(f"capsule-bench-{uuid4().hex[:6]}", SERVICES_WEIGHT)
        self.has_groups = self.groups.are_available
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        ports = home.ports
        self.databases = PostgresFront(home.path / "services-dedicated", ports.services_dedicated, shared_port, Launcher().start, self.groups.create)
        self.redis = RedisFront(
            home.path / "services-redis",
            ports.services_redis,
            lambda _: PASSWORD,
            Launcher().start,
            self.groups.create,
            {commands.NAME: self.databases.answer},
        )
        self.control_url = f"redis://provisioner:{PASSWORD}@127.0.0.1:{ports.services_redis}"
        settings = Settings(
            {
                "CAPSULE_SERVICES_POSTGRES_ADDRESS": f"127.0.0.1:{ports.services_dedicated}",
                "CAPSULE_SERVICES_DEDICATED_ADDRESS": f"127.0.0.1:{ports.services_dedicated}",
                "CAPSULE_SERVICES_REDIS_ADDRESS": f"127.0.0.1:{ports.services_redis}",
                "CAPSULE_SERVICES_REDIS_URL": self.control_url,
            }
        )
        self.dedicated, self.redis_services = DedicatedPostgresProvisioner(settings), RedisServiceProvisioner(settings)
        self.run(self.databases.start)
        self.run(self.redis.start)

    def run(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    def close(self) -> None:
        self.run(self.redis.stop)
        self.run(self.databases.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.groups.remove()

    def create_database(self) -> str:
        """Return the URL of a login."""
        name = new_name()

        async def create() -> str:
            await self.dedicated.create(name, MEDIUM)
            return await self.dedicated.add_login(name, f"{name}_1", uuid4().hex, MEDIUM)

        return asyncio.run(create())

    def create_redis(self) -> str:
        name = new_name()

        async def create() -> str:
            await self.redis_services.create(name, SMALL_REDIS)
            return await self.redis_services.add_login(name, f"{name}_1", uuid4().hex, SMALL_REDIS)

        return asyncio.run(create())


def new_name() -> str:
    return f"s{uuid4().hex[:16]}"


def measure(fronts: Fronts) -> None:
    measure_creation(fronts)
    measure_idle(fronts)
    measure_redis_backup(fronts)


def measure_creation(fronts: Fronts) -> None:
    created, started, sizes = [], [], []
    for _ in range(CREATIONS):
        began = time.perf_counter()
        url = fronts.create_database()
        with psycopg.connect(url, autocommit=True) as session:
            session.execute("CREATE TABLE notes (id serial PRIMARY KEY, text text)")
        created.append(time.perf_counter() - began)
        server = fronts.databases.server(url.rpartition("/")[2])
        fronts.run(server.stop)
        began = time.perf_counter()
        with psycopg.connect(url, autocommit=True) as session:
            session.execute("SELECT count(*) FROM notes")
        started.append(time.perf_counter() - began)
        sizes.append(size_mb(server.files.folder))
        fronts.run(server.stop)
    print(f"new dedicated database, with its server, a login and a first statement: {statistics.median(created):.1f} s (median of {CREATIONS})")
    print(f"first statement of a stopped one: {statistics.median(started) * 1000:.0f} ms, disk of an empty one: {statistics.median(sizes):.0f} MB")


def measure_idle(fronts: Fronts) -> None:
    """What the front's process has more, after services were created, used and stopped."""
    process = psutil.Process()
    urls, seconds = [fronts.create_redis()], []
    use_redis(urls[0])
    before = process.memory_info().rss
    for _ in range(IDLE_SERVICES):
        urls.append(fronts.create_redis())
    for url in urls[:CREATIONS]:
        began = time.perf_counter()
        use_redis(url)
        seconds.append(time.perf_counter() - began)
    for url in urls:
        fronts.run(fronts.redis.server(url.partition("//")[2].partition("_")[0]).stop)
    running = [each for each in process.children(recursive=True) if "redis" in each.name() or "valkey" in each.name()]
    grown = (process.memory_info().rss - before) / 1e6
    print(f"{IDLE_SERVICES} idle Redis services: {len(running)} processes, {grown:.1f} MB more in the front")
    print(f"first command of a stopped Redis: {statistics.median(seconds) * 1000:.0f} ms")


def use_redis(url: str) -> None:
    with Redis.from_url(url) as client:
        client.set("key", "value")


def measure_redis_backup(fronts: Fronts) -> None:
    url = fronts.create_redis()
    database = url.partition("//")[2].partition("_")[0]
    with Redis.from_url(url) as client, client.pipeline(transaction=False) as pipeline:
        for number in range(REDIS_KEYS):
            pipeline.set(f"key {number}", os.urandom(REDIS_BYTES))
            if number % 1000 == 999:
                pipeline.execute()
    backups, service, chunks = RedisBackups(fronts.control_url), cast(DataService, SimpleNamespace(database=database, limits=SMALL_REDIS)), []
    began = time.perf_counter()
    facts = backups.dump(service, chunks.extend)
    dumped = time.perf_counter() - began
    data_mb = sum(map(len, chunks)) / 1e6
    began = time.perf_counter()
    found = backups.verify(service, uuid4(), lambda: chunks, facts)
    verified = time.perf_counter() - began
    began = time.perf_counter()
    backups.restore(service, lambda: chunks, uuid4())
    with Redis.from_url(url) as client:
        assert client.dbsize() == found == REDIS_KEYS
    restored = time.perf_counter() - began
    rates = f"stored at {data_mb / dumped:.0f} MB/s, verified at {data_mb / verified:.0f} MB/s, restored and started at {data_mb / restored:.0f} MB/s"
    print(f"Redis of {REDIS_KEYS} keys, backup of {data_mb:.0f} MB: {rates}")


def size_mb(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
