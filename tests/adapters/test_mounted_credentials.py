"""Credentials are files that follow their Secret: a new connection uses what is mounted now."""

import os
import time
from pathlib import Path

import pytest

from functions.billing.adapters.variables import STRIPE_WEBHOOK_SECRET
from functions.runtime.config.settings import CREDENTIALS, Settings
from functions.runtime.config.variables import AMQP_URL, DATABASE_URL
from functions.runtime.messaging.bus import Bus
from functions.runtime.storage.database import Database
from functions.runtime.storage.failures import DatabaseUnavailable
from functions.wire.settings import MissingSetting
from tests.servers import Brokers, Databases

AUTH_DATABASE = DATABASE_URL.of("auth")


class Pod:
    """The settings of a process with mounted credentials."""

    def __init__(self, root: Path) -> None:
        self.folder = root / CREDENTIALS.lstrip("/")
        self.folder.mkdir(parents=True)
        self.settings = Settings({"CAPSULE_ROOT": str(root), STRIPE_WEBHOOK_SECRET.name: "whsec_of_the_start"})

    def mount(self, name: str, value: str) -> None:
        fresh = self.folder / "fresh"
        fresh.write_text(value)
        os.utime(fresh, ns=(time.time_ns(), time.time_ns()))
        fresh.rename(self.folder / name)


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


def test_a_mounted_secret_counts_and_follows_its_file(pod: Pod) -> None:
    current = pod.settings.following(STRIPE_WEBHOOK_SECRET)
    assert current() == ("whsec_of_the_start",)
    pod.mount(STRIPE_WEBHOOK_SECRET.name, "whsec_new, whsec_former")
    assert current() == ("whsec_new", "whsec_former")
    pod.mount(STRIPE_WEBHOOK_SECRET.name, "whsec_newer")
    assert current() == ("whsec_newer",)
    with pytest.raises(MissingSetting, match=AUTH_DATABASE.name):
        pod.settings.following(AUTH_DATABASE)


async def test_a_new_connection_to_postgresql_uses_the_present_password(pod: Pod, postgres: Databases) -> None:
    made = postgres.database("auth")
    pod.mount(AUTH_DATABASE.name, made.functions_url)
    database = Database(pod.settings.following(AUTH_DATABASE), size=1, timeout_seconds=2.0)
    try:
        await database.ping()
        pod.mount(AUTH_DATABASE.name, made.functions_url.replace("://auth_functions:", "://auth_functions:x"))
        await database.ping()  # the open connection stays
        with postgres.server.superuser() as superuser:
            superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = 'auth_functions'", [made.name])
        with pytest.raises(DatabaseUnavailable):
            await database.ping()
        with pytest.raises(DatabaseUnavailable):
            await database.ping()
        pod.mount(AUTH_DATABASE.name, made.functions_url)
        await database.ping()
    finally:
        await database.close()


async def test_a_new_connection_to_rabbitmq_uses_the_present_password(pod: Pod, rabbitmq: Brokers) -> None:
    url = rabbitmq.vhost()
    pod.mount(AMQP_URL.name, url.replace("://capsule:", "://capsule:x"))
    bus = Bus(pod.settings.following(AMQP_URL), name="test", timeout_seconds=20.0)
    bus.open()
    try:
        pod.mount(AMQP_URL.name, url)
        await bus.wait_until_ready()
        assert bus.connected
    finally:
        await bus.close()
