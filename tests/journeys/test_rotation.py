"""Passwords and keys are rotated while people sign in, read and write: nobody notices, nothing is lost, and what was replaced is refused."""

import random
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import httpx
import pika
import psycopg
import pytest

from knative.machine import keys
from knative.machine.home import CONTEXTS
from knative.machine.postgres import PostgreSQL
from knative.machine.rotation import command, key_sets, records
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.proof import proof
from tests.servers import discard, fresh_home

pytestmark = proof("rotation")

CLIENTS = 3
INTERRUPTIONS = 2


@dataclass
class Load:
    """People who sign in, read and write, without pause. `rounds`: finished ones by person. `failures`: what they noticed.

    `signing_is_forced`: every access token ends, so a client that gets 401 signs in again (docs/operations.md).
    """

    whole: Whole
    people: list[Person]
    rounds: Counter[int] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    signing_is_forced: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self.threads = [threading.Thread(target=self._run, args=[number]) for number in range(len(self.people))]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def wait_for_rounds(self, count: int = 2) -> None:
        """Wait until everybody has signed in, and used it, that many times from now on."""
        goal = {number: self.rounds[number] + count for number in range(len(self.people))}
        until(lambda: all(self.rounds[number] >= least for number, least in goal.items()), 300, "for the load")

    def _run(self, number: int) -> None:
        person = self.people[number]
        while not self.stopping.is_set():
            try:
                session = self._send(person, 201, "POST", "/v1/sessions", {"email": person.email, "password": person.password})
                person.session = session or person.session
                for path in ("/v1/users/me", "/v1/billing/customer", "/v1/quota", "/v1/alerts", "/v1/apps"):
                    self._send(person, 200, "GET", path)
                token = self._send(person, 201, "POST", "/v1/tokens", {"name": f"t{uuid.uuid4().hex[:8]}", "scopes": ["read"]})
                if token:
                    self._send(person, 204, "DELETE", f"/v1/tokens/{token['id']}")
            except httpx.HTTPError as error:
                self.failures.append(f"{datetime.now(UTC):%H:%M:%S} {error!r}")
            self.rounds[number] += 1

    def _send(self, person: Person, expected: int, method: str, path: str, body: object = None) -> dict[str, str] | None:
        answer = person.send(method, path, body, **({"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}))
        self.requests[method] += 1
        if answer.status_code == 401 and self.signing_is_forced.is_set():
            answer = until(lambda: self._send_after_sign_in(person, method, path, body), 30, "for a token of the new key")
        if answer.status_code != expected:
            self.failures.append(f"{datetime.now(UTC):%H:%M:%S} {method} {path}: {answer.status_code} {answer.text[:300]}")
            return None
        return dict(answer.json()) if answer.content else None

    def _send_after_sign_in(self, person: Person, method: str, path: str, body: object) -> httpx.Response | None:
        """None for a token that a process signed before it had read the new key."""
        person.sign_in()
        answer = person.send(method, path, body, **({"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}))
        return None if answer.status_code == 401 else answer


@pytest.fixture(scope="module")
def own_whole() -> Iterator[Whole]:
    """A Capsule whose servers speak TLS, so that their certificate is rotated too."""
    fresh = fresh_home("capsule-whole-")
    found = Whole(replace(fresh, environment={**fresh.environment, "CAPSULE_TLS": "on"}))
    try:
        found.up()
        yield found
    finally:
        discard(found.home)


@pytest.fixture
def load(own_whole: Whole) -> Iterator[Load]:
    people = [Person(own_whole).become_a_user() for _ in range(CLIENTS)]
    found = Load(own_whole, people)
    found.start()
    yield found
    found.stop()


def dead_letters(whole: Whole) -> dict[str, list[tuple[str, ...]]]:
    found = {}
    for context in CONTEXTS:
        with psycopg.connect(keys.migration_url(whole.home, context)) as connection:
            if rows := connection.execute("SELECT function, detail FROM dead_letters").fetchall():
                found[context] = rows
    return found


def run_every_minute(whole: Whole, schedule: str) -> None:
    """Make a schedule tick soon."""
    source = {"apiVersion": "sources.knative.dev/v1", "kind": "PingSource", "metadata": {"name": schedule, "namespace": "capsule"}}
    spec = (whole.cluster.get(source) or {})["spec"]
    whole.cluster.apply([{**source, "spec": {**spec, "schedule": "* * * * *"}}], "tests")


def test_nobody_notices_that_passwords_and_keys_are_rotated(own_whole: Whole, load: Load) -> None:
    whole, ada = own_whole, Person(own_whole).become_a_user()
    ada.post("/v1/users/me/second-factor", {}, 201)
    former_token = str(ada.session["accessToken"])
    former = [PostgreSQL(whole.home).database(context) for context in CONTEXTS]
    former_amqp = keys.user_amqp_url(whole.home, "auth")
    load.wait_for_rounds()

    def is_accepted(token: str) -> bool:
        return whole.send("GET", "/v1/users/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200

    whole.task("rotate", "signing")
    assert is_accepted(former_token), "until it expires"
    refused = whole.start_task("rotate", "signing")
    assert refused.wait(300) == 1, "tokens of the retiring key may be valid"
    load.wait_for_rounds()  # everybody has a token of the new key
    load.signing_is_forced.set()
    whole.task("rotate", "signing", "--force")
    until(lambda: not is_accepted(former_token), 10, "for the removed key")
    load.wait_for_rounds()
    load.signing_is_forced.clear()
    for name in command.ROTATIONS:
        if name != "signing":
            whole.task("rotate", name)
        load.wait_for_rounds()

    for database in former:
        for url in (database.functions_url, database.reader_url, database.owner_url):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url).close()
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(pika.URLParameters(former_amqp))
    assert all(not each.is_interrupted for each in records.read(whole.home).values())

    whole.task("rotate", "all")  # signing is too early: it says so, and the others are rotated again
    load.wait_for_rounds()
    load.stop()
    print(f"{sum(load.requests.values())} requests, {dict(load.requests)}")
    assert not load.failures, "\n".join([*load.failures, (whole.home.log / records.LOG).read_text()])
    assert dead_letters(whole) == {}

    run_every_minute(whole, "auth-housekeeping")
    current = keys.sealing_keys(whole.home, "auth")["keys"][0]["kid"]
    with psycopg.connect(keys.migration_url(whole.home, "auth"), autocommit=True) as auth:
        query = "SELECT count(*) FROM second_factors WHERE sealed_secret LIKE %s"
        until(lambda: auth.execute(query, [f"sealed:{current}:%"]).fetchone() == (1,), 150, "for the secret to be sealed again")
    assert not any(key_sets.uses(whole.home, "auth").values())


def test_a_rotation_that_is_killed_anywhere_ends_well_when_it_is_repeated(own_whole: Whole, load: Load) -> None:
    whole, chance = own_whole, random.Random(1)
    for name in ("database", "broker", "sealing", "health-check"):
        for number in range(INTERRUPTIONS):  # the next one finds what this one left
            task = whole.start_task("rotate", name)
            time.sleep(chance.uniform(0.5, 12.0))
            task.send_signal(signal.SIGKILL)
            task.wait()
            if number % 2:
                whole.task("up")
            load.wait_for_rounds(1)
        whole.task("rotate", name)
        assert not records.read(whole.home)[name].is_interrupted
    load.wait_for_rounds()
    load.stop()
    print(f"{sum(load.requests.values())} requests, {dict(load.requests)}")
    assert not load.failures, "\n".join([*load.failures, (whole.home.log / records.LOG).read_text()])
    assert dead_letters(whole) == {}
