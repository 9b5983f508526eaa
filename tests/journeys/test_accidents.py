"""What goes wrong with machines: a process dies, RabbitMQ or PostgreSQL is away, everything is killed at once. What was accepted is finished.

One whole for all of it; the tests go from the smallest accident to the largest, and end with an orderly `down`.
"""

import os
import secrets
import signal
from dataclasses import dataclass, field

import httpx
import psutil
import pytest

from knative.machine import leftovers, processes
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from tests.journeys.people import Person
from tests.journeys.whole import GATEWAY, Json, Whole, until
from tests.proof import proof

pytestmark = proof("recovery")

PROJECT = '[project]\nname = "x"\nversion = "1"\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """
import time, urllib.error, urllib.request, zipfile
GATE = urllib.request.Request("http://127.0.0.1:PORT/NAME.git/info/refs?service=git-upload-pack", headers={"Host": "samples.localhost:PORT"})
def build_wheel(folder, *_):
    while True:
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(GATE).close()
            break
        except urllib.error.HTTPError:
            time.sleep(0.1)
    with zipfile.ZipFile(f"{folder}/x-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("x-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: x\\nVersion: 1\\n")
        wheel.writestr("x-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("x-1.dist-info/RECORD", "")
    return "x-1-py3-none-any.whl"
"""
APP = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"here")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def grace(own_whole: Whole) -> Person:
    return Person(own_whole, timeout_seconds=60).become_a_user()


@pytest.fixture(scope="module")
def url(own_whole: Whole, grace: Person) -> str:
    application = grace.create(own_whole.repository(f"app-{secrets.token_hex(3)}", {"main.py": APP, "requirements.txt": ""}).url)
    deployment = grace.deploy(application)
    assert deployment["status"] == "succeeded", deployment
    return str(deployment["url"])


@dataclass
class Gated:
    """An application whose build waits until it is let on: it is under way for as long as a test wants."""

    whole: Whole
    name: str = field(default_factory=lambda: f"gate-{secrets.token_hex(3)}")

    def url(self) -> str:
        backend = BACKEND.replace("NAME", self.name).replace("PORT", str(self.whole.home.ports.ingress))
        files = {"main.py": APP, "pyproject.toml": PROJECT, "backend.py": backend, "Procfile": "web: python main.py"}
        return self.whole.repository(f"waits-for-{self.name}", files).url

    def building(self, person: Person) -> Json:
        """A deployment that is being built."""
        accepted = person.ask_to_deploy(person.create(self.url()))
        path = f"/v1/apps/{accepted['applicationId']}/deployments/{accepted['id']}"
        until(lambda: person.get(path)["status"] == "building", 60, "for the build")
        return accepted

    def open(self) -> None:
        self.whole.repository(self.name, {"open": ""})


def unavailable(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), answer.text
    assert answer.json()["type"] == "/problems/unavailable", answer.text
    assert int(answer.headers["retry-after"]) > 0


def refused_for_now(person: Person, method: str, path: str, body: Json | None = None) -> None:
    unavailable(until(lambda: _unless_answered(person.send(method, path, body)), 60, "until the gateway has noticed"))


def _unless_answered(answer: httpx.Response) -> httpx.Response | None:
    """A call that was under way when the server went is told that its outcome is unknown (504); from then on it is 503."""
    return None if answer.status_code in (200, 504) else answer


def requests_billed(person: Person) -> int:
    return sum(int(line["requests"]) for line in person.get("/v1/billing/current")["lines"])


def uncached(person: Person, path: str) -> httpx.Response:
    """The answer of the function, not of the gateway's cache."""
    return person.send("GET", path, **{"Cache-Control": "no-cache"})


def test_a_function_s_process_dies_and_no_other_is_touched(own_whole: Whole, grace: Person, url: str) -> None:
    own_whole.visit(url)
    for path in ("/v1/users/me", "/v1/quota", "/v1/billing/customer"):
        assert uncached(grace, path).status_code == 200
    awake = {"capsule/auth-profile", "capsule/deploy-quota", "capsule/billing-customer"}
    until(lambda: awake <= own_whole.pods().keys(), 10, "for the statuses of the pods, which follow the answers")
    before = own_whole.pods()
    (victim,) = before["capsule/auth-profile"]
    os.kill(victim, signal.SIGKILL)
    assert uncached(grace, "/v1/users/me").json()["email"] == grace.email
    until(lambda: awake <= own_whole.pods().keys(), 10, "for the status of the new pod")
    after = own_whole.pods()
    assert victim not in after["capsule/auth-profile"]
    for name in ("capsule/deploy-quota", "capsule/billing-customer", f"capsule/{GATEWAY}", next(name for name in before if name.startswith("app-"))):
        assert after[name] == before[name], name


def test_rabbitmq_is_away_for_a_while(own_whole: Whole, grace: Person, url: str) -> None:
    """Callers are told to come back; applications go on; a registration and a deployment that were accepted are finished after it."""
    server, gate, visitor = RabbitMQ(own_whole.home), Gated(own_whole), Person(own_whole, timeout_seconds=60)
    accepted = gate.building(grace)
    visitor.register()
    server.stop()
    refused_for_now(grace, "GET", "/v1/users/me")
    refused_for_now(grace, "POST", "/v1/apps", {"name": "never", "repository": "https://example.com/x.git"})
    assert own_whole.send("GET", "/livez").status_code == 200
    assert own_whole.send("GET", "/readyz").status_code == 503
    assert own_whole.visit(url).text == "here"
    server.start()
    grace.get("/v1/users/me")
    gate.open()
    ended = grace.ended(accepted)
    assert ended["status"] == "succeeded", ended
    visitor.verify()
    assert "never" not in str(grace.get("/v1/apps")), "what was refused was done"


def test_postgresql_is_away_for_a_while(own_whole: Whole, grace: Person, url: str) -> None:
    """A registration that was accepted is finished when it is there again: the mail, the customer, the quota."""
    server = PostgreSQL(own_whole.home)
    visitor, late = Person(own_whole, timeout_seconds=60), Person(own_whole)
    visitor.register()
    server.stop()
    refused_for_now(grace, "GET", "/v1/users/me")
    refused_for_now(late, "POST", "/v1/users", {"email": late.email, "password": late.password})
    assert own_whole.visit(url).text == "here"
    server.start()
    visitor.verify()
    visitor.sign_in()
    visitor.found("/v1/billing/customer")
    visitor.found("/v1/quota")
    refused = late.send("POST", "/v1/sessions", {"email": late.email, "password": late.password})
    assert refused.status_code == 401, "what was refused was done"


def test_the_controller_alone_is_killed_and_up_replaces_what_it_left(own_whole: Whole, grace: Person, url: str) -> None:
    """The gateway keeps its port, and the record of its process is lost."""
    orphans = own_whole.pods()[f"capsule/{GATEWAY}"]
    controller = processes.find_running(own_whole.home, "knative")
    assert controller is not None
    controller.kill()
    for record in (own_whole.home.path / "knative" / "pods" / "capsule").glob(f"{GATEWAY}-*/process.json"):
        record.unlink()
    assert "Capsule is up" in own_whole.up()
    assert orphans.isdisjoint(psutil.pids())
    assert grace.get("/v1/users/me")["email"] == grace.email
    assert own_whole.visit(url).text == "here"


def test_everything_is_killed_at_once_and_up_brings_all_back(own_whole: Whole, grace: Person, url: str) -> None:
    gate = Gated(own_whole)
    accepted = gate.building(grace)
    before = {path: grace.get(path) for path in ("/v1/users/me", "/v1/apps", "/v1/quota", "/v1/billing/customer")}
    billed = requests_billed(grace)
    visitor = Person(own_whole, timeout_seconds=60)
    visitor.register()

    assert own_whole.kill_everything() > 5
    assert leftovers.find_leftovers(own_whole.home) == []
    with pytest.raises(httpx.TransportError):
        own_whole.send("GET", "/livez")
    assert "Capsule is up" in own_whole.up()

    assert {path: grace.get(path) for path in before} == before, "by the token from before, and with everything there"
    gate.open()
    ended = grace.ended(accepted)
    assert ended["status"] == "succeeded", ended
    assert own_whole.visit(ended["url"]).text == own_whole.visit(url).text == "here"
    visitor.verify()
    visitor.sign_in()
    visitor.found("/v1/billing/customer")
    until(lambda: requests_billed(grace) >= billed + 2, 60, "for the metered requests", every=0.5)
    assert "Capsule is up" in own_whole.up(), "twice is harmless"
    assert grace.get("/v1/users/me") == before["/v1/users/me"]


def test_left_alone_everything_goes_to_zero(own_whole: Whole, url: str) -> None:
    assert own_whole.visit(url).text == "here"
    until(lambda: set(own_whole.pods()) == {f"capsule/{GATEWAY}"}, 60, "until only the gateway has a process", every=0.5)
    assert own_whole.visit(url).text == "here"


def test_down_leaves_no_process(own_whole: Whole) -> None:
    mine = leftovers.find_leftovers(own_whole.home)
    assert len(mine) > 5, "the test looks in the wrong place"
    assert "Capsule is stopped" in own_whole.task("down")
    assert leftovers.find_leftovers(own_whole.home) == []
    for port in own_whole.home.ports.all:
        assert processes.find_port_holder(port) is None


def test_in_the_foreground_up_starts_again_what_ends_and_stops_everything_on_sigterm(own_whole: Whole) -> None:
    supervisor = own_whole.start_task("up", "--foreground")
    try:
        until(own_whole.is_ready, 120, "for the gateway")
        controller = processes.find_running(own_whole.home, "knative")
        assert controller is not None
        controller.kill()
        until(lambda: processes.find_running(own_whole.home, "knative") not in (None, controller) and own_whole.is_ready(), 120, "for its successor")
        supervisor.terminate()
        assert supervisor.wait(120) == 0
    finally:
        supervisor.kill()
    assert leftovers.find_leftovers(own_whole.home) == []
