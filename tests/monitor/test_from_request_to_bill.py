"""Billing's and monitor's functions on the real runtime, RabbitMQ and PostgreSQL: what the collector reports ends as logs, figures, a timeline and a
bill, each counted once, in whatever order it comes."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.adapters.monitor_databases import monitor_database
from tests.monitor.platform import NOW, Platform, Story
from tests.runtime.harness import Worker, until
from tests.runtime.messages import message


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
    story.used(250, twice)
    story.used(250, twice)
    until(lambda: story.billed() == (7, 250), why="for the bill")
    story.used(30)
    until(lambda: story.billed() == (7, 280), why="for the bill")
    time.sleep(0.5)  # what would be counted twice would have come by now
    assert story.billed() == (7, 280)

    status, figures = story.ask("monitor.metrics", applicationId=story.application, step=3600)
    total = figures["total"]
    assert (status, total["requests"], total["byStatus"], total["errorRate"]) == ("200", 7, {"2xx": 7}, 0.0)
    assert total["p95LatencyMs"] == pytest.approx(2.0, rel=0.03) and total["cpuMilliseconds"] == 280
    assert (total["memoryMaxBytes"], total["memoryMeanBytes"]) == (50 << 20, 40 << 20)
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
    written.sort(key=lambda line: str(line["function"]))
    assert [line["function"] for line in written] == ["billing.on_user_created", "monitor.on_user_created"]
    story.wrote(json.dumps(written[0]), namespace="capsule")

    status, timeline = story.ask("monitor.timeline", correlationId=story.correlation)
    (entry,) = timeline["entries"]
    assert status == "200"
    assert (entry["name"], entry["kind"], entry["outcome"], entry["emitted"]) == ("billing.on_user_created", "event", "done", ["customer.created"])
    assert entry["durationMs"] > 0 and entry["causedBy"] is None


def test_housekeeping_runs_as_the_functions_role_and_may_come_twice(story: Story) -> None:
    """It sums up what came in; figures are the same before and after, from minutes and from hours."""
    story.owned()
    story.served(11)
    story.used(70)
    query = {"applicationId": story.application, "from": NOW - timedelta(hours=1)}
    before = [story.ask("monitor.metrics", **query, step=step)[1]["total"] for step in (60, 3600)]
    tick = message("dev.knative.sources.ping", function="monitor.housekeeping")
    for _ in range(2):
        assert story.worker.post(tick, b"{}") == 204
    lines = [line for line in story.worker.lines() if line.get("function") == "monitor.housekeeping"]
    assert [line["outcome"] for line in lines] == ["done", "duplicate"], lines
    assert story.world.count("stale_minutes") == 0
    assert story.world.count("request_hours WHERE application_id = %s", story.application) == 1
    after = [story.ask("monitor.metrics", **query, step=step)[1]["total"] for step in (60, 3600)]
    assert after == before and after[0]["requests"] == 11 and after[1]["cpuMilliseconds"] == 70


@pytest.mark.parametrize("context", ["billing", "monitor"])
def test_health_has_the_shape_of_the_specification(story: Story, context: str) -> None:
    status, health = story.ask(f"{context}.health")
    assert (status, health["status"], health["service"]) == ("200", "healthy", f"{context}-service")
    assert set(health["metadata"]) == {"version", "memory", "database", "messages", "notices"}
    assert health["metadata"]["memory"]["unit"] == "MB" and health["metadata"]["memory"]["used"] > 0
    assert health["metadata"]["database"]["connected"] is True and health["metadata"]["database"]["responseTime"] >= 0
