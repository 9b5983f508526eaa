"""Redis services: created, used with a client library, rotated, stopped when idle, killed, deleted; and what one tenant cannot do to another."""

import asyncio
import hashlib
import os
import signal
import socket
from typing import Any

import psutil
import pytest
from redis import exceptions

from functions.deploy.domain.service_plans import SMALL_REDIS, Plan
from functions.deploy.ports import ServiceServerRefused
from tests.adapters.services_server import check_contract
from tests.knative.redis_services.conftest import Servers

PASSWORD = "f" * 48


async def created(servers: Servers, name: str = "s1", generation: int = 1, plan: Plan = SMALL_REDIS) -> str:
    """Return the URL of a login."""
    await servers.provisioner.create(name, plan)
    return await servers.provisioner.add_login(name, f"{name}_{generation}", PASSWORD, plan)


def process_of(servers: Servers, name: str = "s1") -> psutil.Process:
    pid = servers.front.server(name).pid
    assert pid is not None
    return psutil.Process(pid)


async def until(condition: Any, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


async def test_every_step_may_be_repeated(servers: Servers) -> None:
    provisioner = servers.provisioner
    await check_contract(provisioner, "s1", SMALL_REDIS, "redis", starts_on_demand=True)
    with pytest.raises(ServiceServerRefused, match="no service s1"):
        await provisioner.add_login("s1", "s1_1", PASSWORD, SMALL_REDIS)
    with pytest.raises(ServiceServerRefused, match="no login of s2"):
        await provisioner.add_login("s2", "s1_1", PASSWORD, SMALL_REDIS)


async def test_a_client_library_reads_and_writes(servers: Servers) -> None:
    url = await created(servers)
    for options in ({}, {"protocol": 3}, {"client_name": "shop"}):
        async with servers.client(url, **options) as client:
            assert await client.incr("visits") > 0
            await client.set("key", "x" * 1_000_000, ex=60)
            assert len(await client.get("key")) == 1_000_000
            assert (await client.info())["maxmemory_policy"] == "volatile-lru"
            assert await client.eval("return redis.call('GET', KEYS[1])", 1, "visits")
            async with client.pubsub() as listener:
                await listener.subscribe("news")
                await client.publish("news", "hello")
                await until_message(listener, "hello")
    async with servers.client(url) as client:
        await client.eval("local t = 0 for i = 1, 2e7 do t = t + i end return t", 0)
    assert any(each.text.lower().startswith("eval") and each.max_ms >= 10 for each in await servers.provisioner.slow_statements("s1"))
    usage = await servers.provisioner.usage("s1")
    assert usage.size_bytes > 1_000_000


async def until_message(listener: Any, text: str) -> None:
    async with asyncio.timeout(5):
        while (message := await listener.get_message(timeout=1)) is None or message["data"] != text:
            pass


@pytest.mark.parametrize(
    "command",
    [
        "CONFIG GET dir", "CONFIG SET dir /tmp", "CONFIG SET maxmemory 0", "ACL LIST", "ACL SETUSER s1_1 +@all", "DEBUG SLEEP 0", "MODULE LIST",
        "SHUTDOWN", "SAVE", "BGSAVE", "BGREWRITEAOF", "REPLICAOF 127.0.0.1 1", "MONITOR", "CLIENT KILL TYPE normal", "MIGRATE h 1 k 0 1", "SYNC",
        "SLOWLOG GET", "LATENCY DOCTOR", "FAILOVER", "RESTORE k 0 x", "PSYNC ? -1", "CLUSTER RESET",
    ],
)  # fmt: skip
async def test_administration_is_refused(servers: Servers, command: str) -> None:
    async with servers.client(await created(servers)) as client:
        with pytest.raises((exceptions.NoPermissionError, exceptions.ResponseError), match=r"permissions|not allowed|cluster support disabled"):
            await client.execute_command(*command.split())
        assert await client.ping()


async def test_another_tenant_is_refused_and_starts_no_server(servers: Servers) -> None:
    await created(servers)
    other = await created(servers, "s2")
    for wrong in (
        other.replace(PASSWORD, "0" * 48),
        other.replace("s2_1", "s1_2"),
        other.replace("s2_1", "default"),
        other.replace("s2_1", "provisioner"),
    ):
        async with servers.client(wrong) as client:
            with pytest.raises(exceptions.AuthenticationError):
                await client.ping()
    for user in ("s1_1", "capsule"):  # after it has authenticated, as a user of another service and as the platform
        async with servers.client(other, single_connection_client=True) as client:
            with pytest.raises(exceptions.AuthenticationError):
                await client.execute_command("AUTH", user, PASSWORD)
    assert [each.files.name for each in servers.front.running()] == ["s2"]


async def test_nothing_but_authentication_is_answered_before_it(servers: Servers) -> None:
    await created(servers)
    reader, writer = await asyncio.open_connection("127.0.0.1", servers.port)
    writer.write(b"PING\r\n*1\r\n$4\r\nINFO\r\n*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\nQUIT\r\n")
    replies = [each.split(b" ")[0] for each in (await reader.read()).splitlines()]
    assert replies == [b"-NOAUTH", b"-NOAUTH", b"-NOAUTH", b"-WRONGPASS", b"+OK"]
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", servers.port)
    writer.write(b"*1000000\r\n" + b"x" * 20000)
    assert (await reader.read()).startswith(b"-ERR Protocol error")
    writer.close()


async def test_credentials_rotate_without_a_broken_connection(servers: Servers) -> None:
    async with servers.client(await created(servers), single_connection_client=True) as first:
        await first.set("kept", "yes")
        url = await created(servers, generation=2)
        async with servers.client(url) as second:
            assert await second.get("kept") == await first.get("kept") == "yes"
            await servers.provisioner.drop_login("s1", "s1_1")
            with pytest.raises(exceptions.RedisError):
                await first.ping()
            assert await second.ping()


async def test_a_server_runs_only_while_somebody_is_connected(servers: Servers) -> None:
    servers.front.idle_seconds = 0.1
    url = await created(servers)
    assert not list(servers.front.running())
    async with servers.client(url) as client:
        await client.set("kept", "yes")
        process = process_of(servers)
        await asyncio.sleep(0.3)
        assert process.is_running()
    await until(lambda: not process.is_running())
    async with servers.client(url) as client:
        assert await client.get("kept") == "yes"


async def test_idle_services_cost_no_memory(servers: Servers) -> None:
    own = psutil.Process()
    before, children = own.memory_info().rss, len(own.children())
    for index in range(100):
        await created(servers, f"s{index:x}")
    assert len(own.children()) == children
    assert own.memory_info().rss - before < 8 << 20


async def test_what_was_synced_survives_a_kill(servers: Servers) -> None:
    url = await created(servers)
    async with servers.client(url) as client:
        await client.set("old", "yes")
        await asyncio.sleep(2.2)  # fsync every second
        await client.set("new", "yes")
        process_of(servers).send_signal(signal.SIGKILL)
    for attempt in range(50):  # until the end of the server is noticed, its connections are closed
        try:
            async with servers.client(url) as client:
                assert await client.get("old") == "yes"
            break
        except exceptions.ConnectionError:
            assert attempt < 49
            await asyncio.sleep(0.1)


@pytest.mark.skipif(os.geteuid() != 0, reason="without root, all files are the platform's")
async def test_restored_folders_belong_to_root_and_are_given_to_the_servers(servers: Servers) -> None:
    url = await created(servers)
    async with servers.client(url) as client:
        await client.set("key", "value")
    server = servers.front.server("s1")
    await server.stop()
    for folder, _, _ in os.walk(server.files.folder):
        os.chown(folder, 0, 0)
    async with servers.client(url) as client:
        assert await client.get("key") == "value"


async def test_limits_hold(servers: Servers) -> None:
    url = await created(servers, plan=Plan("tiny", max_connections=2, storage_mib=64, memory_mib=8))
    async with servers.client(url) as client:
        await client.set("session", "x" * 500_000, ex=600)
        with pytest.raises(exceptions.ResponseError, match="maxmemory"):
            for index in range(100):
                await client.set(f"k{index}", "x" * 100_000)
        assert await client.get("session") is None, "keys with a time to live are evicted first"
        assert await client.get("k0"), "others never"
        async with servers.client(url, single_connection_client=True) as second:
            await second.ping()
            with pytest.raises(exceptions.RedisError, match="max number of clients"):
                async with servers.client(url, single_connection_client=True) as third:
                    await third.ping()


async def test_the_disk_is_bounded_whatever_is_written(servers: Servers) -> None:
    url = await created(servers, plan=Plan("tiny", max_connections=5, storage_mib=16, memory_mib=8))
    async with servers.client(url, retry=None) as client:
        for _ in range(150):
            try:
                await client.set("k", os.urandom(500_000).hex())
            except (exceptions.ResponseError, exceptions.ConnectionError):  # MISCONF, until the file has been rewritten
                await asyncio.sleep(0.05)
        assert (await servers.provisioner.usage("s1")).size_bytes <= 16 << 20
        assert process_of(servers).is_running()


async def test_the_server_has_no_rights_and_no_port(servers: Servers) -> None:
    async with servers.client(await created(servers)) as client:
        await client.ping()
        process = process_of(servers)
        assert not [each for each in process.net_connections() if each.family == socket.AF_INET]
        if os.geteuid() == 0:
            assert process.username() == "capsule-services"
            assert (servers.folder / "s1" / "data").stat().st_mode & 0o077 == 0
        text = (servers.folder / "s1" / "users.acl").read_text()
        assert PASSWORD not in text and hashlib.sha256(PASSWORD.encode()).hexdigest() in text


async def test_delete_ends_connections_and_removes_the_data(servers: Servers) -> None:
    url = await created(servers)
    async with servers.client(url, single_connection_client=True) as client:
        await client.set("key", "value")
        await servers.provisioner.delete("s1")
        with pytest.raises(exceptions.RedisError):
            await client.get("key")
    assert not (servers.folder / "s1").exists() and (await servers.provisioner.usage("s1")).size_bytes == 0
