"""Dedicated PostgreSQL servers, provisioned through the one-machine Knative, and what shares a server beside them."""

import asyncio
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from functions.deploy.adapters.dedicated_provisioner import DedicatedPostgresProvisioner
from functions.runtime.config.settings import Settings
from knative.local.processes.launcher import Launcher
from knative.local.serving.postgres_services import PostgresFront, commands
from knative.local.serving.redis_services import RedisFront
from knative.local.serving.service_account import ACCOUNT
from knative.machine import accounts, packages
from knative.machine.services_postgres import ServicesPostgres
from tests.adapters.services_server import services_postgres

__all__ = ["services_postgres"]

PASSWORD = "provisioner-password"


@dataclass
class Servers:
    front: PostgresFront
    home: Path
    """The state folder."""
    port: int
    settings: Settings
    provisioner: DedicatedPostgresProvisioner
    pod_port: int
    """As applications reach their databases."""

    async def connect(self, url: str, **options: object) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=20, **options)  # type: ignore[arg-type]


@pytest.fixture
async def servers(services_postgres: ServicesPostgres) -> AsyncIterator[Servers]:
    packages.install([packages.POSTGRES], print)
    accounts.own_account(ACCOUNT)
    port, control_port, pod_port = free_ports(3)
    home = new_folder()
    start = Launcher().start
    front = PostgresFront(home / "services-dedicated", port, services_postgres.port, start, lambda name, limits: None)
    control = RedisFront(home / "redis", control_port, lambda _: PASSWORD, start, lambda name, limits: None, {commands.NAME: front.answer})
    settings = Settings(
        {
            "CAPSULE_SERVICES_POSTGRES_URL": services_postgres.provisioner_url,
            "CAPSULE_SERVICES_POSTGRES_ADDRESS": f"127.0.0.1:{pod_port}",
            "CAPSULE_SERVICES_DEDICATED_ADDRESS": f"127.0.0.1:{port}",
            "CAPSULE_SERVICES_REDIS_URL": f"redis://provisioner:{PASSWORD}@127.0.0.1:{control_port}",
        }
    )
    await front.start()
    await control.start()
    listening = socket.socket()
    listening.bind(("127.0.0.1", pod_port))
    pod = front.listen_for_pod(listening)
    try:
        yield Servers(front, home, port, settings, DedicatedPostgresProvisioner(settings), pod_port)
    finally:
        await pod.close()
        await control.stop()
        await front.stop()
        await asyncio.to_thread(shutil.rmtree, home)


def new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="capsule-dedicated-", dir="/tmp"))
    for each in (folder, folder / "services-dedicated"):
        each.mkdir(exist_ok=True)
        each.chmod(0o711)
    return folder


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in probes]
    for each in probes:
        each.close()
    return ports
