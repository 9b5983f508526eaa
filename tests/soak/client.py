"""A client of the soak: one account that sends messages one after the other, and knows what must be there afterwards.

Each change has an idempotency key, and is sent again under it until its outcome is known, as a client does after a 503 or a broken connection.
"""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until

UNKNOWN = frozenset({429, 502, 503, 504})
"""Statuses after which the client sends its message again."""
UNAUTHENTICATED = 401
MAX_APPLICATIONS = 4
PAUSE_SECONDS = 0.5
PLANS = ("pro", "business")


class UnexpectedAnswer(Exception):
    """A message was answered in a way that no fault explains."""


@dataclass
class Application:
    """What the client was promised about one application."""

    id: str
    name: str
    config: dict[str, str] = field(default_factory=dict)
    changes: int = 0


@dataclass
class Promises:
    """What Capsule has acknowledged to one client."""

    applications: dict[str, Application] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    registered: list[str] = field(default_factory=list)
    """Addresses of accounts that were registered and not used."""
    deployments: list[Json] = field(default_factory=list)
    plans: list[str] = field(default_factory=list)
    """Plans that were bought, one after the other."""
    visits: int = 0
    """Requests to the application that it has answered."""
    interrupted_visits: int = 0
    """Requests that may have been answered when the connection broke."""
    probes: int = 0
    """Requests by which the run found out whether the application answers."""


class Client:
    """`url`: the application that this client visits and deploys; "" for a client that does neither."""

    def __init__(self, whole: Whole, rng: random.Random, ended: threading.Event) -> None:
        self.whole, self.promises, self.sent = whole, Promises(), Counter[str]()
        self.person = Person(whole)
        self.failure: BaseException | None = None
        self.deployed: Json = {}
        self.url = ""
        self._rng, self._ended = rng, ended
        self._http = httpx.Client(timeout=40, trust_env=False)

    def prepare(self, repository: str, *, deploys: bool) -> None:
        """Become a user with an application; deploy it if this client deploys."""
        self.person.timeout_seconds = 120
        self.person.become_a_user()
        self._repository = repository
        self._create()
        if deploys:
            (application,) = self.promises.applications.values()
            self.deployed = {"id": application.id}
            self._deploy()
            (view,) = [self.person.ended(each, 300) for each in self.promises.deployments]
            if view["status"] != "succeeded":
                raise UnexpectedAnswer(f"the first deployment ended as {view}")
            self.url = str(view["url"])

    def run(self, messages: int, faults_over: threading.Event) -> None:
        """Send `messages` messages, and then two a second until the last fault: none hits an idle Capsule. The first failure is kept in `failure`."""
        kinds: list[tuple[int, Callable[[], None]]] = [
            (74, self._configure), (9, self._create), (5, self._delete), (4, self._rename), (2, self._register), (1, self._subscribe),
        ]  # fmt: skip
        if self.url:
            kinds += [(60, self._visit), (1, self._deploy)]
        weights = [weight for weight, _ in kinds]
        try:
            while not self._ended.is_set() and (self.sent.total() < messages or not faults_over.is_set()):
                (kind,) = self._rng.choices([each for _, each in kinds], weights)
                kind()
                self.sent[kind.__name__.strip("_")] += 1
                if self.sent.total() >= messages:
                    self._ended.wait(PAUSE_SECONDS)
        except BaseException as error:  # noqa: BLE001 - it belongs to the run, which reports it and ends
            self.failure = error
        finally:
            self._http.close()

    def is_served(self) -> bool:
        """Whether its application answers; True for a client without one."""
        if not self.url:
            return True
        self.promises.probes += 1
        try:
            return self.whole.visit(self.url).text == "here"
        except httpx.TransportError:
            return False

    # --- messages

    def _configure(self) -> None:
        application = self._any_application()
        name, value = f"V{self._rng.randrange(40)}", self._word(16)
        self._send("PATCH", f"/v1/apps/{application.id}/config", {"variables": {name: value}, "deploy": False}, 202)
        application.config[name] = value
        application.changes += 1

    def _create(self) -> None:
        if len(self.promises.applications) >= MAX_APPLICATIONS:
            return self._configure()
        body = {"name": f"s{self._word(12)}", "repository": self._repository}
        view = self._send("POST", "/v1/apps", body, 201).json()
        self.promises.applications[view["id"]] = Application(view["id"], view["name"])

    def _delete(self) -> None:
        candidates = [each for each in self.promises.applications if each != self.deployed.get("id")]
        if len(candidates) < 2:
            return self._configure()
        id = self._rng.choice(candidates)
        self._send("DELETE", f"/v1/apps/{id}", None, 202)
        del self.promises.applications[id]
        self.promises.deleted.append(id)

    def _rename(self) -> None:
        application = self._any_application()
        if application.id == self.deployed.get("id"):
            return self._configure()
        name = f"s{self._word(12)}"
        self._send("PUT", f"/v1/apps/{application.id}/name", {"name": name}, 200)
        application.name = name

    def _register(self) -> None:
        email = f"soak-{self._word(12)}@example.org"
        self._send("POST", "/v1/users", {"email": email, "password": self._word(20)}, 202)
        self.promises.registered.append(email)

    def _subscribe(self) -> None:
        """Buy the next plan. While the payment of the former one is under way, the change is refused."""
        if len(self.promises.plans) == len(PLANS):
            return self._configure()
        plan = PLANS[len(self.promises.plans)]
        answer = self._send("POST", "/v1/billing/subscription", {"plan": plan, "paymentMethod": "pm_card_visa"}, 202, 402, 409)
        if answer.status_code == 202:
            self.promises.plans.append(plan)

    def _deploy(self) -> None:
        """While another deployment of it runs, the request is refused."""
        answer = self._send("POST", f"/v1/apps/{self.deployed['id']}/deployments", {"environment": "staging"}, 202, 409)
        if answer.status_code == 202:
            self.promises.deployments.append(answer.json())

    def _visit(self) -> None:
        """Visitors send no request twice: what is measured can be compared with what was answered."""
        try:
            answer = self.whole.visit(self.url)
        except httpx.TransportError:
            self.promises.interrupted_visits += 1
            return self._pause(PAUSE_SECONDS)
        if answer.status_code in UNKNOWN:
            self.promises.interrupted_visits += 1
            return self._pause(PAUSE_SECONDS)
        self.promises.visits += 1
        if (answer.status_code, answer.text) != (200, "here"):
            raise UnexpectedAnswer(f"{self.url} answered {answer.status_code}: {answer.text[:300]}")

    # --- sending

    def _send(self, method: str, path: str, body: Any, *expected: int) -> httpx.Response:
        """Send a message until its outcome is known. Raises: UnexpectedAnswer."""
        key = str(uuid.uuid4())
        while True:
            headers = {"Idempotency-Key": key, "Authorization": f"Bearer {self.person.session['accessToken']}"}
            try:
                answer = self._http.request(method, f"{self.whole.gateway}{path}", json=body, headers=headers)
            except httpx.TransportError:
                self._pause(PAUSE_SECONDS)
                continue
            if answer.status_code in UNKNOWN:
                self._pause(min(float(answer.headers.get("Retry-After", 1)), 2))
                continue
            if answer.status_code == UNAUTHENTICATED:  # access tokens live 15 minutes
                self._sign_in()
                continue
            if answer.status_code not in expected:
                raise UnexpectedAnswer(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
            return answer

    def _sign_in(self) -> None:
        self.person.session = {}
        self.person.sign_in()

    def _pause(self, seconds: float) -> None:
        """Raises: UnexpectedAnswer when the run ends meanwhile: the outcome of a message stays unknown."""
        if self._ended.wait(seconds):
            raise UnexpectedAnswer("the time of the run is over, and the outcome of a message is unknown")

    def _word(self, length: int) -> str:
        return f"{self._rng.getrandbits(4 * length):0{length}x}"

    def _any_application(self) -> Application:
        return self._rng.choice(list(self.promises.applications.values()))


def wait_for_payment(client: Client, seconds: float = 120) -> None:
    """Return when the plan that the client bought last is paid."""
    if client.promises.plans:
        plan = client.promises.plans[-1]
        until(lambda: client.person.get("/v1/billing/subscription")["plan"] == plan, seconds, f"for the paid plan {plan}", every=0.5)


def started_clients(clients: list[Client], messages: int, faults_over: threading.Event) -> list[threading.Thread]:
    """A thread for each client, with its part of the messages; it goes on until `faults_over`."""
    threads = []
    for index, client in enumerate(clients):
        part = messages // len(clients) + (index < messages % len(clients))
        threads.append(threading.Thread(target=client.run, args=(part, faults_over), name=f"client {index}", daemon=True))
        threads[-1].start()
    return threads


def wait_for_all(threads: list[threading.Thread], deadline: float) -> bool:
    """Whether all have ended before `deadline` (monotonic)."""
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
