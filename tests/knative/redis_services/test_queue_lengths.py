"""Queues in Redis as autoscaling reads them: of services of this machine, which stay stopped, and of servers elsewhere."""

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from knative.local.autoscaling.decision import MetricUnavailable
from knative.local.autoscaling.destinations import Destinations
from knative.local.autoscaling.redis_queues import RedisConnection, RedisQueues, length_command
from knative.local.objects import Object
from knative.local.serving.naming import REDIS_PORT
from tests.knative.jobs.test_autoscaling import NAMESPACE, Machine, scaled_object
from tests.knative.redis_services.conftest import Servers
from tests.knative.redis_services.test_services import PASSWORD, created, until


class Loopback(Destinations):
    """Where the tests run, a server elsewhere listens on the loopback."""

    async def address_of(self, host: str, port: int) -> str:
        return host


def service(password: str = PASSWORD) -> RedisConnection:
    return RedisConnection("127.0.0.1", REDIS_PORT, "s1_1", password, False, "0")


async def length(queues: RedisQueues, connection: RedisConnection, **details: str) -> float:
    return await queues.length(connection, length_command(details))


async def test_lists_sets_and_streams_count_what_waits(servers: Servers) -> None:
    queues = RedisQueues(servers.front, Loopback())
    async with servers.client(await created(servers)) as client:
        await client.rpush("jobs", *"abc")
        await client.zadd("arq", {"a": 1, "b": 2})
        await client.set("text", "x")
        for _ in range(5):
            await client.xadd("orders", {"id": 1})
        await client.xgroup_create("orders", "mail", "0")
        await client.xreadgroup("mail", "me", {"orders": ">"}, count=2)
        elsewhere = RedisConnection("127.0.0.1", servers.port, "s1_1", PASSWORD, False, "0")
        for connection in (service(), elsewhere):
            assert await length(queues, connection, listName="jobs") == 3
            assert await length(queues, connection, listName="arq") == 2
            assert await length(queues, connection, listName="nothing") == 0
            assert await length(queues, connection, stream="orders") == 5
            assert await length(queues, connection, stream="orders", consumerGroup="mail") == 3
            assert await length(queues, connection, stream="orders", consumerGroup="new") == 5, "nobody has read for it"
            assert await length(queues, connection, stream="nothing", consumerGroup="mail") == 0
            with pytest.raises(MetricUnavailable, match="text is a string, not a list"):
                await length(queues, connection, listName="text")


async def test_a_stopped_service_is_not_started_to_be_read_again(servers: Servers) -> None:
    servers.front.idle_seconds = 0.05
    queues = RedisQueues(servers.front, Loopback())
    async with servers.client(await created(servers)) as client:
        await client.rpush("jobs", "a")
    server = servers.front.server("s1")
    await until(lambda: not server.is_running)
    assert await length(queues, service(), listName="jobs") == 1, "read for the first time: it starts"
    await until(lambda: not server.is_running)
    assert await length(queues, service(), listName="jobs") == 1 and not server.is_running
    async with servers.client(f"redis://s1_1:{PASSWORD}@127.0.0.1:{servers.port}/0") as client:
        await client.rpush("jobs", "b")
        assert await length(queues, service(), listName="jobs") == 2


async def test_reading_does_not_keep_a_service_running(servers: Servers) -> None:
    servers.front.idle_seconds = 0.3
    queues = RedisQueues(servers.front, Loopback())
    async with servers.client(await created(servers)) as client:
        await client.rpush("jobs", "a")
    server = servers.front.server("s1")
    async with asyncio.timeout(10):
        while server.is_running:
            assert await length(queues, service(), listName="jobs") == 1
            await asyncio.sleep(0.02)


async def test_a_former_password_and_an_unknown_service_are_refused(servers: Servers) -> None:
    queues = RedisQueues(servers.front, Destinations())
    await created(servers)
    with pytest.raises(MetricUnavailable, match="not valid any more"):
        await length(queues, service("0" * 48), listName="jobs")
    with pytest.raises(MetricUnavailable, match="not valid any more"):
        await length(queues, RedisConnection("127.0.0.1", REDIS_PORT, "s2_1", PASSWORD, False, "0"), listName="jobs")
    with pytest.raises(MetricUnavailable, match="applications do not reach"):
        await length(queues, RedisConnection("127.0.0.1", servers.port, "s1_1", PASSWORD, False, "0"), listName="jobs")
    assert not servers.front.server("s1").is_running


def authenticated(machine: Machine, url_secret: dict[str, str]) -> None:
    data = {key: b64encode(value.encode()).decode() for key, value in url_secret.items()}
    machine.store.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "service", "namespace": NAMESPACE}, "data": data})
    references = [{"parameter": key, "name": "service", "key": key} for key in ("address", "username", "password", "tls")]
    metadata = {"name": "w-0", "namespace": NAMESPACE}
    machine.create({"apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication", "metadata": metadata, "spec": {"secretTargetRef": references}})


def on_list() -> Object:
    trigger: Any = {"type": "redis", "metricType": "AverageValue", "useCachedMetrics": True, "authenticationRef": {"name": "w-0"}}
    return scaled_object({**trigger, "metadata": {"listName": "jobs:mail", "listLength": "10"}})


async def test_a_list_scales_a_worker_from_zero_up_and_back_to_zero(servers: Servers, tmp_path: Path) -> None:
    machine = Machine(tmp_path, 0, servers.front)
    machine.deploy()
    authenticated(machine, {"address": f"127.0.0.1:{REDIS_PORT}", "username": "s1_1", "password": PASSWORD, "tls": "disable"})
    machine.create(on_list())
    async with servers.client(await created(servers)) as client:
        await machine.decide("ScaledObject.keda.sh", "w")
        assert machine.replicas == 0
        await client.rpush("jobs:mail", *range(35))
        await machine.decide("ScaledObject.keda.sh", "w")
        assert machine.replicas == 1
        status = await machine.decide("HorizontalPodAutoscaler.autoscaling", "keda-hpa-w")
        external = status["currentMetrics"][0]["external"]
        assert machine.replicas == 4 and external["current"] == {"averageValue": "35"}
        assert external["metric"]["name"] == "s0-redis-jobs-mail"
        await client.delete("jobs:mail")
        await machine.decide("ScaledObject.keda.sh", "w")
        assert machine.replicas == 0
    machine.store.close()


async def test_a_secret_without_address_says_what_to_do(servers: Servers, tmp_path: Path) -> None:
    machine = Machine(tmp_path, 0, servers.front)
    machine.deploy()
    authenticated(machine, {"url": "redis://127.0.0.1"})
    machine.create(on_list())
    status = await machine.decide("ScaledObject.keda.sh", "w")
    assert machine.replicas == 1 and any("Bind the data service again, or deploy once" in each.get("message", "") for each in status["conditions"])
    machine.store.close()
