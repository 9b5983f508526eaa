"""Billing's and monitor's functions on the real runtime, RabbitMQ and PostgreSQL: what the collector reports ends as logs, figures, a timeline and a
bill, each counted once, in whatever order it comes."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pika
import pytest

from functions.kernel import new_id
from functions.runtime import tokens, topology
from functions.runtime.bus import EVENTS, REPLIES
from tests.adapters.monitor_databases import monitor_database
from tests.runtime.harness import Worker, World, asked, message, until

NOW = datetime.now(UTC)


@dataclass
class Platform(World):
    """Both contexts in one process, each with its own database; its events come back to it."""

    billing: str = ""

    def prepare(self) -> None:
        self.signing = tokens.new_signing_jwks()
        self._mount("etc/capsule/jwks/jwks.json", tokens.public_jwks(self.signing))
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            channel = connection.channel()
            topology.declare_exchanges(channel)
            for queue in ("functions", "replies", "customers"):
                channel.queue_declare(queue, durable=True)
            channel.queue_bind("functions", EVENTS, "usage.measured")
            channel.queue_bind("customers", EVENTS, "customer.created")
            channel.queue_bind("replies", REPLIES, "replies")

    def environment(self) -> dict[str, str]:
        databases = {"CAPSULE_BILLING_DATABASE_URL": self.billing, "CAPSULE_MONITOR_DATABASE_URL": self.database}
        return {**super().environment(), **databases, "CAPSULE_FUNCTION": "billing.*,monitor.*"}

    def token(self, user: UUID) -> str:
        key = self.signing["keys"][0]
        now = int(time.time())
        claims = {"iss": "capsule", "aud": "capsule", "sub": str(user), "sid": str(uuid4()), "roles": ["user"], "jti": "j"}
        return jwt.encode({**claims, "iat": now, "exp": now + 600}, jwt.PyJWK(key, "ES256"), "ES256", {"kid": key["kid"], "typ": "at+jwt"})


@pytest.fixture(scope="module")
def world(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    monitor = monitor_database(postgres, "native")
    folder = tmp_path_factory.mktemp("world")
    world = Platform(monitor.functions_url, monitor.owner_url, rabbitmq.vhost(), folder, billing=postgres.database("billing").functions_url)
    world.prepare()
    yield world
    world.close()


@pytest.fixture(scope="module")
def worker(world: Platform) -> Worker:
    worker = world.worker()
    world.pump(lambda: worker.port)
    return worker


class Story:
    """One user and one application."""

    def __init__(self, world: Platform, worker: Worker) -> None:
        self.world, self.worker = world, worker
        self.user, self.application, self.correlation = new_id(), new_id(), str(uuid4())

    def happened(self, type: str, id: str | None = None, **data: Any) -> None:
        sent = message(type, id, correlationid=self.correlation)
        assert self.worker.post(sent, json.dumps(data, default=str).encode()) == 204

    def ask(self, query: str, **data: Any) -> tuple[str, Any]:
        sent = asked(query, token=self.world.token(self.user))
        assert self.worker.post(sent, json.dumps(data, default=str).encode()) == 204
        headers, body = self.world.reply(sent["correlationid"])
        return headers["status"], body

    def registered(self) -> None:
        self.happened("user.created", userId=self.user, email="ada@example.org", at=NOW - timedelta(days=1))

    def owned(self) -> None:
        self.happened("application.created", applicationId=self.application, userId=self.user, name="shop", at=NOW)

    def served(self, count: int, id: str | None = None) -> None:
        begin = NOW - timedelta(minutes=1)
        labels = {"capsule.dev/application": str(self.application), "capsule.dev/environment": "staging"}
        one = {"from": begin, "to": begin + timedelta(seconds=1), "namespace": "app-shop", "service": "shop-staging", "revision": "shop-staging-1"}
        window = {**one, "labels": labels, "status": 200, "count": count, "durationMsSum": count * 2.0}
        self.happened("requests.measured", id, windows=[window])

    def wrote(self, line: str, namespace: str = "app-shop", **labels: str) -> None:
        entry = {"at": NOW, "namespace": namespace, "pod": "p", "container": "c", "labels": labels, "stream": "stderr", "line": line}
        self.happened("logs.collected", entries=[entry])

    def billed(self) -> int:
        status, bill = self.ask("billing.current_bill")
        assert status == "200"
        return sum(line["requests"] for line in bill["lines"])


@pytest.fixture
def story(world: Platform, worker: Worker) -> Story:
    return Story(world, worker)


def test_a_user_becomes_a_customer_who_is_announced(story: Story) -> None:
    assert story.ask("billing.customer")[0] == "404"
    story.registered()
    status, customer = story.ask("billing.customer")
    assert (status, customer["email"], customer["plan"]["code"]) == ("200", "ada@example.org", "free")
    announced = until(lambda: story.world.take("customers"), why="for customer.created")
    assert json.loads(announced[1])["customerId"] == customer["customerId"]


def test_requests_are_billed_once_whatever_comes_first_or_twice(story: Story) -> None:
    twice = str(uuid4())
    story.served(3, twice)  # before anybody knows whose it is
    story.served(3, twice)
    story.owned()
    story.registered()
    story.served(4)
    story.owned()
    until(lambda: story.billed() == 7, why="for the bill")
    time.sleep(0.5)  # what would be counted twice would have come by now
    assert story.billed() == 7

    status, figures = story.ask("monitor.metrics", applicationId=story.application, step=3600)
    assert (status, figures["total"]["requests"], figures["total"]["byStatus"]) == ("200", 7, {"2xx": 7})
    assert story.world.count("dead_letters") == 0


def test_lines_are_read_by_their_owner_alone(story: Story, world: Platform, worker: Worker) -> None:
    story.wrote("listening on 8080", **{"capsule.dev/application": str(story.application), "capsule.dev/environment": "staging"})
    story.owned()
    status, page = story.ask("monitor.logs", applicationId=story.application)
    assert status == "200" and [line["line"] for line in page["lines"]] == ["listening on 8080"]
    assert story.ask("monitor.logs", applicationId=story.application, after=page["cursor"])[1]["lines"] == []
    assert Story(world, worker).ask("monitor.logs", applicationId=story.application)[0] == "404"


def test_the_lines_that_the_runtime_really_writes_make_a_timeline(story: Story) -> None:
    """The journal of this very process is fed back to monitor, as the collector would."""
    sent = message("user.created", correlationid=story.correlation, actor=str(story.user))
    body = {"userId": str(story.user), "email": "ada@example.org", "at": NOW.isoformat()}
    assert story.worker.post(sent, json.dumps(body).encode()) == 204

    written = [line for line in story.worker.lines() if line.get("log") == "function" and line["correlation"] == story.correlation]
    assert [line["function"] for line in written] == ["billing.on_user_created"]
    story.wrote(json.dumps(written[0]), namespace="capsule")

    status, timeline = story.ask("monitor.timeline", correlationId=story.correlation)
    (entry,) = timeline["entries"]
    assert status == "200"
    assert (entry["name"], entry["kind"], entry["outcome"], entry["emitted"]) == ("billing.on_user_created", "event", "done", ["customer.created"])
    assert entry["durationMs"] > 0 and entry["causedBy"] is None


@pytest.mark.parametrize("context", ["billing", "monitor"])
def test_housekeeping_runs_as_the_functions_role_and_may_come_twice(story: Story, context: str) -> None:
    tick = message("dev.knative.sources.ping", function=f"{context}.every_ten_minutes_housekeeping")
    for _ in range(2):
        assert story.worker.post(tick, b"{}") == 204
    lines = [line for line in story.worker.lines() if line.get("function") == f"{context}.every_ten_minutes_housekeeping"]
    assert [line["outcome"] for line in lines] == ["done", "duplicate"], lines


@pytest.mark.parametrize("context", ["billing", "monitor"])
def test_health_has_the_shape_of_the_specification(story: Story, context: str) -> None:
    status, health = story.ask(f"{context}.health")
    assert (status, health["status"], health["service"]) == ("200", "healthy", f"{context}-service")
    assert set(health["metadata"]) == {"version", "memory", "database"}
    assert health["metadata"]["memory"]["unit"] == "MB" and health["metadata"]["memory"]["used"] > 0
    assert health["metadata"]["database"]["connected"] is True and health["metadata"]["database"]["responseTime"] >= 0
