"""The main job on a whole of which each context is one Service (`./taskw up --grouped`), and the way back while people use it."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

import httpx
import pika
import psycopg
import pytest

from functions.runtime.config.registry import Registry
from functions.runtime.messaging.exchanges import EVENTS
from knative.machine import keys, repositories
from knative.machine.postgres import PostgreSQL
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until
from tests.proof import proof
from tests.servers import discard, fresh_home

pytestmark = proof("grouped")

GROUPS = {"auth", "billing", "deploy", "monitor"}
OTHERS = {"edge-gateway", "edge-terminal", "dashboard", "dead-letters", "samples", "stripe-stand-in"}


@pytest.fixture(scope="module")
def grouped() -> Iterator[Whole]:
    found = Whole(fresh_home("capsule-whole-"))
    try:
        found.up("--grouped")
        yield found
    finally:
        discard(found.home)


@pytest.fixture(scope="module")
def person(grouped: Whole) -> Person:
    return Person(grouped).become_a_user()


def services(whole: Whole) -> set[str]:
    return {each["metadata"]["name"] for each in whole.cluster.find("serving.knative.dev/v1", "Service", "capsule")}


def test_there_is_a_service_for_each_context_and_the_main_job_is_done(grouped: Whole, person: Person) -> None:
    assert GROUPS <= services(grouped) <= GROUPS | OTHERS
    assert person.get("/v1/users/me")["email"] == person.email
    repository = grouped.repository("grouped", repositories.sample("hello"))
    application = person.create(repository.url)
    deployment = person.deploy(application)
    assert (deployment["status"], deployment["commit"]) == ("succeeded", repository.head), deployment
    for _ in range(3):
        assert grouped.visit(deployment["url"]).text == "Hello from Capsule!\n"
    until(lambda: billed(person, application) >= 3, 60, "for the requests on the bill", every=0.5)
    until(lambda: any('"GET"' in line or '"/"' in line for line in person.log(application, "run")), why="for the application's log lines")
    functions = {"deploy.deploy", "deploy.on_deployment_requested"}
    path = f"/v1/timeline/{deployment['correlationId']}"
    until(lambda: functions <= {entry["name"] for entry in person.found(path)["entries"]}, why="for the timeline")
    running = {name.removeprefix("capsule/") for name in grouped.pods() if name.startswith("capsule/")}
    assert running <= GROUPS | OTHERS, "no function has a pod of its own"


def test_a_groups_functions_are_asked_how_they_are_and_keep_their_own_dead_letters(grouped: Whole) -> None:
    assert grouped.send("GET", "/health").status_code == 200
    letter = {"specversion": "1.0", "id": str(uuid4()), "source": "/test", "type": "user.created", "time": "2026-01-01T00:00:00Z"}
    with pika.BlockingConnection(pika.URLParameters(keys.amqp_url(grouped.home))) as connection:
        properties = pika.BasicProperties(headers={**letter, "content-type": "application/json"}, delivery_mode=2)
        connection.channel().basic_publish(EVENTS, "user.created", b'{"not": "what it should be"}', properties)
    takers = [each.name for each in Registry.load().declarations if each.message_type == "user.created"]
    assert len(takers) > 1
    found = until(lambda: kept if len(kept := letters(grouped, letter["id"])) >= len(takers) else None, why="for a dead letter of each") or []
    assert sorted(found) == sorted(takers), "one each, under the function's name"


def letters(whole: Whole, message: str) -> list[str]:
    """The functions that have stored this message as a dead letter."""
    found: list[str] = []
    for context in sorted(GROUPS):
        with psycopg.connect(PostgreSQL(whole.home).database(context).functions_url) as connection:
            found += [row[0] for row in connection.execute("SELECT function FROM dead_letters WHERE message_id = %s", [message])]
    return found


@proof("recovery")
def test_what_is_under_way_while_the_shape_changes_is_done_once(grouped: Whole, person: Person) -> None:
    people: list[Person] = []
    over = threading.Event()

    def registering() -> None:
        while not over.wait(0.5):
            visitor = Person(grouped, timeout_seconds=30)
            with suppress(httpx.TransportError):  # the gateway was replaced just then: nobody was told that it was accepted
                visitor.register()
                people.append(visitor)

    visitors = threading.Thread(target=registering)
    visitors.start()
    try:
        output = grouped.up("--ungrouped")
    finally:
        over.set()
        visitors.join(60)
    assert "of the former grouping deleted" in output
    assert not services(grouped) & GROUPS
    assert "auth-register" in services(grouped)
    assert people, "somebody came meanwhile"
    for each in people:
        each.verify()
        each.sign_in()
        each.found("/v1/billing/customer")
        each.found("/v1/quota")
    assert person.get("/v1/users/me")["email"] == person.email


def billed(person: Person, application: Json) -> int:
    return sum(int(line["requests"]) for line in person.get("/v1/billing/current")["lines"] if line["applicationId"] == application["id"])
