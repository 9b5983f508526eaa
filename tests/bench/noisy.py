"""What one tenant's requests wait for while another tenant queues 100,000 messages, or logs 10,000 lines a second.

The quiet tenant sends requests at a steady rate, 70 % reads and 30 % writes. The figure is by how many percent the p95 grows from before the noise to
during it, in one round.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import local
from typing import Any
from uuid import uuid4

import httpx
import pika

from events.deploy import ApplicationCreated
from functions.runtime.messaging.exchanges import COMMANDS, EVENTS
from functions.wire.cloudevents import new_message
from knative.machine.rabbitmq import RabbitMQ
from tests.bench.events import HANDLER, Publication
from tests.bench.load import Missing
from tests.bench.meter import Numbers
from tests.bench.systems import Capsule, until
from tests.bench.throughput import publish_confirmed

MESSAGES = 100_000
QUICK_MESSAGES = 10_000
WRITERS, LINES_PER_SECOND = 5, 10_000
"""Instances, and the lines that all of them write."""
REQUESTS_PER_SECOND, CONNECTIONS = 50, 8
SETTLE_SECONDS = 120
NAMESPACE, SERVICE = "app-bench-noisy", "noisy"
WRITER = f"""
import http.server, os, socketserver, threading, time
def write():
    number, step = 0, {LINES_PER_SECOND // WRITERS // 20}
    at = time.monotonic()
    while True:
        print("\\n".join('{{"level":"info","msg":"order %d was handled","path":"/v1/orders","status":200}}' % each
            for each in range(number, number + step)), flush=True)
        number, at = number + step, at + 0.05
        time.sleep(max(at - time.monotonic(), 0))
threading.Thread(target=write, daemon=True).start()
socketserver.TCPServer(("0.0.0.0", int(os.environ["PORT"])), http.server.BaseHTTPRequestHandler).serve_forever()
"""


def messages(capsule: Capsule, seconds: float, count: int) -> Numbers:
    """Growth of the p95 in percent while `count` events of one user wait. `left`: messages that still waited at the end."""
    with _queued(capsule, count) as (queue, remaining):
        before = _quiet_tenant(capsule, seconds)
        queue()
        during = _quiet_tenant(capsule, seconds)
        left = remaining()
    return {**_growth(before, during), "left": left}


def log_lines(capsule: Capsule, seconds: float) -> Numbers:
    """Growth of the p95 in percent while the instances of one application log."""
    before = _quiet_tenant(capsule, seconds)
    objects = _writers()
    try:
        capsule.cluster.apply(objects, "bench")
        capsule.cluster.wait_until_ready(objects[1:], SETTLE_SECONDS, lambda ready, of: None)
        time.sleep(3)  # the first lines are on their way through every queue
        during = _quiet_tenant(capsule, seconds)
    finally:
        capsule.remove(objects[::-1])
    return _growth(before, during)


@dataclass(frozen=True, slots=True)
class Waited:
    """What the quiet tenant got. `p95` in milliseconds; `failed`: requests without an answer below 400, which count with the time they took."""

    p95: float
    failed: int


def _growth(before: Waited, during: Waited) -> Numbers:
    growth = (during.p95 / before.p95 - 1) * 100
    return {"growth": growth, "p95 before": before.p95, "p95 during": during.p95, "failed before": before.failed, "failed during": during.failed}


def _quiet_tenant(capsule: Capsule, seconds: float) -> Waited:
    """Send requests at a steady rate. One that had to wait for its turn counts from when it was due."""
    tokens = capsule.tokens.read_text().split("\n", CONNECTIONS)[:CONNECTIONS]
    prefix, per_thread = uuid4().hex[:10], local()

    def send(number: int, due: float) -> tuple[float, bool]:
        time.sleep(max(due - time.perf_counter(), 0))
        if not hasattr(per_thread, "client"):
            per_thread.client = httpx.Client(base_url=capsule.url, timeout=60, trust_env=False)
        headers = {"authorization": f"Bearer {tokens[number % CONNECTIONS]}"}
        try:
            if number % 10 in (2, 5, 9):
                body = {"name": f"q{prefix}-{number}", "repository": "https://example.com/quiet.git"}
                response = per_thread.client.post("/v1/apps", headers=headers, json=body)
            else:
                response = per_thread.client.get("/v1/users/me", headers=headers)
            has_failed = response.is_error
        except httpx.TransportError:
            has_failed = True
        return (time.perf_counter() - due) * 1000, has_failed

    def measure(seconds: float) -> list[tuple[float, bool]]:
        start, count = time.perf_counter() + 0.1, int(seconds * REQUESTS_PER_SECOND)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return sorted(pool.map(lambda number: send(number, start + number / REQUESTS_PER_SECOND), range(count)))

    measure(1)  # wakes the functions
    prefix = uuid4().hex[:10]
    took = measure(seconds)
    if all(has_failed for _, has_failed in took):
        raise Missing(f"{capsule.name} answered none of {len(took)} requests")
    return Waited(took[int(len(took) * 0.95)][0], sum(has_failed for _, has_failed in took))


@contextmanager
def _queued(capsule: Capsule, count: int) -> Iterator[tuple[Callable[[], None], Callable[[], int]]]:
    """Yields what queues the messages, and what counts those that are left. Deletes the rest at the end."""
    user, rabbitmq = uuid4(), RabbitMQ(capsule.home)
    bindings = rabbitmq.management("GET", f"/api/exchanges/%2F/{COMMANDS}/bindings/source")
    queues = [each["destination"] for each in bindings if each["routing_key"] == HANDLER and each["destination_type"] == "queue"]
    if not queues:
        raise Missing(f"{capsule.name} has no queue of {HANDLER}")

    def publication(number: int) -> Publication:
        event = ApplicationCreated(application_id=uuid4(), user_id=user, name=f"noisy-{number}", at=datetime.now(UTC))
        body = event.model_dump_json(by_alias=True).encode()
        message = new_message(event.type, "/capsule/bench", body, datetime.now(UTC), subject=event.subject_id, sequence="1", dataversion="1")
        return Publication(EVENTS, event.type, message.headers(), body)

    def with_queues(do: Callable[[Any, str], Any]) -> list[Any]:
        with pika.BlockingConnection(pika.URLParameters(rabbitmq.url)) as connection:
            channel = connection.channel()
            return [do(channel, queue) for queue in queues]

    def remaining() -> int:
        return sum(with_queues(lambda channel, queue: int(channel.queue_declare(queue, passive=True).method.message_count)))

    try:
        yield lambda: asyncio.run(publish_confirmed(rabbitmq.url, [publication(number) for number in range(count)])), remaining
    finally:
        with_queues(lambda channel, queue: channel.queue_purge(queue))
        until(lambda: remaining() == 0, SETTLE_SECONDS, f"for the queues of {capsule.name} to empty")


def _writers() -> list[dict[str, Any]]:
    """A Namespace and a Service whose instances log."""
    labels = {"capsule.dev/application": str(uuid4()), "capsule.dev/environment": "staging", "capsule.dev/deployment": str(uuid4())}
    collected = {**labels, "capsule.dev/component": "web", "capsule.dev/collect": "true"}
    scale = {f"autoscaling.knative.dev/{name}": str(WRITERS) for name in ("min-scale", "max-scale", "initial-scale")}
    container = {"name": "web", "image": "capsule.local/capsule:dev", "command": ["python", "-c", WRITER]}
    metadata = {"name": SERVICE, "namespace": NAMESPACE, "labels": labels}
    template = {"metadata": {"annotations": scale, "labels": collected}, "spec": {"containers": [container]}}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}},
        {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": metadata, "spec": {"template": template}},
    ]
