"""Eventing against a real RabbitMQ, with the store and the controller it really has; subscribers are HTTP servers on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

from knative.local.controller import Controller
from knative.local.definitions import load
from knative.local.eventing import Eventing, eventing
from knative.local.eventing.conditions import is_ready
from knative.local.store import Store
from tests.servers import Brokers


@pytest.fixture
def vhost(rabbitmq: Brokers) -> str:
    return rabbitmq.vhost()


@dataclass
class Seen:
    path: str
    headers: Mapping[str, str]
    body: bytes


Answering = Callable[[Seen], Awaitable[web.Response]]


@dataclass
class Subscriber:
    """An HTTP server that keeps what it gets and answers as it is told."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: Callable[[Seen], web.Response | Awaitable[web.Response]] = field(default=lambda seen: web.Response(status=204))

    async def handle(self, request: web.Request) -> web.Response:
        seen = Seen(request.path, {name.lower(): value for name, value in request.headers.items()}, await request.read())
        self.seen.append(seen)
        answer = self.answers(seen)
        return answer if isinstance(answer, web.Response) else await answer


@pytest.fixture
async def subscriber() -> AsyncIterator[Callable[[], Awaitable[Subscriber]]]:
    runners: list[web.AppRunner] = []

    async def make() -> Subscriber:
        made = Subscriber()
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{tail:.*}", made.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        host, port = site._server.sockets[0].getsockname()[:2]  # type: ignore[attr-defined]
        made.url = f"http://{host}:{port}/"
        return made

    yield make
    for runner in runners:
        await runner.cleanup()


@dataclass(frozen=True)
class Returned:
    status: int
    headers: Mapping[str, str]
    body: bytes


class NoServices:
    """These tests have no Knative Services: what calls one is answered as a Service that does not exist is."""

    async def request(
        self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> Returned:
        raise ConnectionRefusedError(f"there is no Service {namespace}/{service}")


@dataclass
class Machine:
    store: Store
    eventing: Eventing
    controller: Controller

    def apply(self, *objects: dict[str, Any]) -> None:
        for each in objects:
            self.store.apply(each, manager="test")

    async def ready(self, kind: str, name: str, namespace: str = "test", seconds: float = 60) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            object = self.store.find(kind, namespace, name)
            return object if object is not None and is_ready(object) else None

        return await until(found, seconds, lambda: f"{kind} {name} is not ready: {self.store.find(kind, namespace, name)}")


T = TypeVar("T")


async def until(found: Callable[[], T | None], seconds: float = 40, what: Callable[[], str] | str = "it did not come") -> T:
    end = asyncio.get_running_loop().time() + seconds
    while not (value := found()):
        if asyncio.get_running_loop().time() > end:
            pytest.fail(what if isinstance(what, str) else what())
        await asyncio.sleep(0.02)
    return value


@asynccontextmanager
async def machine_at(folder: Path, url: str, environment: Mapping[str, str] | None = None) -> AsyncIterator[Machine]:
    store = Store(folder / "store.db", load())
    whole = eventing(store, url, NoServices(), environment or {})
    controller = Controller(store, whole.reconcilers)
    parts = [*whole.parts, controller]
    for part in parts:
        await part.start()
    try:
        yield Machine(store, whole, controller)
    finally:
        for part in reversed(parts):
            await part.stop()
        store.close()


@pytest.fixture
async def machine(tmp_path: Path, vhost: str) -> AsyncIterator[Machine]:
    async with machine_at(tmp_path, vhost) as made:
        yield made


def broker(name: str = "main", delivery: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    config = {
        "apiVersion": "eventing.knative.dev/v1alpha1",
        "kind": "RabbitmqBrokerConfig",
        "metadata": {"name": name, "namespace": "test"},
        "spec": {"rabbitmqClusterReference": {"name": "rabbitmq", "namespace": "rabbitmq"}, "queueType": "quorum", "vhost": "/"},
    }
    made: dict[str, Any] = {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Broker",
        "metadata": {"name": name, "namespace": "test", "annotations": {"eventing.knative.dev/broker.class": "RabbitMQBroker"}},
        "spec": {"config": {"apiVersion": "eventing.knative.dev/v1alpha1", "kind": "RabbitmqBrokerConfig", "name": name, "namespace": "test"}},
    }
    if delivery is not None:
        made["spec"]["delivery"] = dict(delivery)
    return [config, made]


def trigger(
    name: str, uri: str, type: str | None = None, parallelism: int | None = None, delivery: Mapping[str, Any] | None = None, broker: str = "main"
) -> dict[str, Any]:
    spec: dict[str, Any] = {"broker": broker, "subscriber": {"uri": uri}}
    if type is not None:
        spec["filter"] = {"attributes": {"type": type}}
    if delivery is not None:
        spec["delivery"] = dict(delivery)
    annotations = {"rabbitmq.eventing.knative.dev/parallelism": str(parallelism)} if parallelism else {}
    return {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {"name": name, "namespace": "test", "annotations": annotations},
        "spec": spec,
    }


__all__ = ["Machine", "Seen", "Subscriber", "broker", "machine_at", "trigger", "until"]
