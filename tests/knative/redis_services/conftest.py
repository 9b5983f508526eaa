"""A front with servers of its own, and clients as applications have them."""

import asyncio
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis

from functions.deploy.adapters.redis_provisioner import RedisServiceProvisioner
from functions.runtime.config.settings import Settings
from knative.local.processes.launcher import Launcher
from knative.local.serving.redis_services import RedisFront
from knative.local.serving.service_account import ACCOUNT
from knative.machine import accounts, packages

PASSWORD = "provisioner-password"


@dataclass
class Servers:
    front: RedisFront
    folder: Path
    port: int
    provisioner: RedisServiceProvisioner

    def client(self, url: str, **options: object) -> Redis:
        return Redis.from_url(url, decode_responses=True, **options)  # type: ignore[arg-type]


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    packages.install([packages.REDIS], print)
    accounts.own_account(ACCOUNT)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = new_folder()
    front = RedisFront(folder, port, lambda is_alternate: None if is_alternate else PASSWORD, Launcher().start, lambda name, limits: None)
    settings = {
        "CAPSULE_SERVICES_REDIS_URL": f"redis://provisioner:{PASSWORD}@127.0.0.1:{port}",
        "CAPSULE_SERVICES_REDIS_ADDRESS": f"127.0.0.1:{port}",
    }
    await front.start()
    try:
        yield Servers(front, folder, port, RedisServiceProvisioner(Settings(settings)))
    finally:
        await front.stop()
        await asyncio.to_thread(shutil.rmtree, folder)


def new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="capsule-redis-", dir="/tmp"))
    folder.chmod(0o711)
    return folder
