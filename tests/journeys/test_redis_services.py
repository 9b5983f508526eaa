"""A real application with redis-py on a Redis of its own: it counts, its credentials rotate under load without a failed request, a killed server
keeps what was written a second before, an idle one stops and starts again, and another application does not reach it."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from knative.machine import repositories
from knative.machine.progress import Progress
from knative.machine.rotation import command
from tests.journeys.people import Person
from tests.journeys.test_data_services import finished, load, visit
from tests.journeys.whole import Json, until
from tests.proof import proof

pytestmark = proof("data-services")

APP = """
import os, socket
from wsgiref.simple_server import WSGIServer, make_server
from socketserver import ThreadingMixIn

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

url = os.environ.get("REDIS_URL")
if url:
    import redis
    client = redis.Redis.from_url(url, decode_responses=True)

def answer(environ):
    path = environ["PATH_INFO"]
    if path == "/reach":
        with socket.socket() as probe:
            probe.settimeout(3)
            return str(probe.connect_ex(("127.0.0.1", 6379)))
    if not url:
        return "no redis"
    if path == "/count":
        return str(client.incr("visits"))
    if path == "/close":
        client.connection_pool.disconnect()
        return "closed"
    return str(client.get("visits"))

def application(environ, start_response):
    try:
        body, status = answer(environ), "200 OK"
    except Exception as error:
        body, status = repr(error), "500 Internal Server Error"
    start_response(status, [("Content-Type", "text/plain")])
    return [body.encode()]

make_server("0.0.0.0", int(os.environ["PORT"]), application, Server).serve_forever()
"""
FILES = {"app.py": APP, "requirements.txt": "redis>=5,<9\n", "Procfile": "web: python app.py\n"}


def deployed(person: Person, name: str) -> tuple[Json, str]:
    repository = repositories.create(person.whole.home, name, FILES)
    application = person.create(repository.url)
    ended = person.deploy(application)
    assert ended["status"] == "succeeded", (ended, person.log(application, "build"))
    return application, str(ended["url"])


def server_process(home: Path) -> psutil.Process | None:
    """The Redis of the only service of this installation."""
    for each in psutil.process_iter():
        try:
            if "-server" in each.name() and each.cwd().startswith(str(home / "services-redis")):
                return each
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return None


@pytest.fixture(scope="module")
def bound(ada: Person) -> tuple[Json, str, str]:
    application, url = deployed(ada, "counter")
    assert visit(ada.whole, url).text == "no redis"
    base = f"/v1/apps/{application['id']}/services"
    began = time.monotonic()
    accepted = ada.post(base, {"name": "cache", "kind": "redis"}, 202)
    finished(ada, accepted["operationId"])
    answer = ada.patiently("PUT", f"{base}/{accepted['id']}/bindings/staging", {})
    assert answer.status_code == 202, answer.text
    finished(ada, answer.json()["operationId"])
    print(f"created and bound, with its redeployment: {time.monotonic() - began:.1f} s")
    return application, url, f"{base}/{accepted['id']}"


def test_the_application_counts(ada: Person, bound: tuple[Json, str, str]) -> None:
    _, url, service = bound
    first = int(visit(ada.whole, url, "/count").text)
    assert visit(ada.whole, url).text == str(first)
    view = ada.get(service)
    assert (view["state"], view["kind"], view["bindings"][0]["variable"]) == ("ready", "redis", "REDIS_URL") and view["connections"] >= 1
    process = server_process(ada.whole.home.path)
    assert process is not None and (os.geteuid() != 0 or process.username() == "capsule-services")


def test_another_application_does_not_reach_it(ada: Person, bound: tuple[Json, str, str]) -> None:
    _, url = deployed(ada, "counter-stranger")
    assert visit(ada.whole, url, "/reach").text == str(111), "ECONNREFUSED: nothing listens in its network"


def test_credentials_rotate_without_a_failed_request(ada: Person, bound: tuple[Json, str, str]) -> None:
    application, url, service = bound
    with load(ada.whole, url, "/count") as answers:
        accepted = ada.post(f"{service}/rotate", {}, 202)
        finished(ada, accepted["operationId"])
        newest = f"/v1/apps/{application['id']}/deployments?limit=1"
        until(lambda: ada.get(newest)["items"][0]["status"] == "succeeded", 180, "for the restart")
        time.sleep(2)
    assert len(answers) > 10 and {each.status_code for each in answers} == {200}, [each.text for each in answers if each.status_code != 200][:3]


def test_a_killed_server_loses_at_most_what_was_not_yet_synced(ada: Person, bound: tuple[Json, str, str]) -> None:
    """`appendfsync everysec`: SIGKILL of the server loses nothing that the kernel has, so here not even the last second."""
    _, url, _ = bound
    with load(ada.whole, url, "/count") as answers:
        until(lambda: len(answers) > 20, 60, "for writes")
        process = server_process(ada.whole.home.path)
        assert process is not None
        process.send_signal(signal.SIGKILL)
        time.sleep(3)
    acknowledged = max(int(each.text) for each in answers if each.status_code == 200)
    assert int(visit(ada.whole, url).text) >= acknowledged


def test_the_logins_that_provision_rotate(ada: Person, bound: tuple[Json, str, str]) -> None:
    application, _, service = bound
    command.rotate(ada.whole.home, "services", Progress(Console(quiet=True)))
    base = f"/v1/apps/{application['id']}/services"
    for kind in ("redis", "postgres"):
        finished(ada, ada.post(base, {"name": f"another-{kind}", "kind": kind}, 202)["operationId"])
    metrics = ada.get(f"{service}/metrics")
    assert metrics["isRunning"] and metrics["operations"] > 0 and 0 < metrics["memoryBytes"] < metrics["memoryLimitBytes"]
    assert any("ready" in line.lower() for line in ada.get(f"{service}/logs")["lines"])


def test_an_idle_one_stops_and_starts_again(ada: Person, bound: tuple[Json, str, str]) -> None:
    _, url, _ = bound
    before = visit(ada.whole, url).text
    assert visit(ada.whole, url, "/close").text == "closed"
    until(lambda: server_process(ada.whole.home.path) is None, 150, "for the idle server to stop")
    assert visit(ada.whole, url).text == before
