"""A real application with psycopg on a database of its own: it reads and writes, its credentials rotate under load without a failed request, a killed
server loses nothing that was acknowledged, and another application does not reach the server at all."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from knative.machine import processes, repositories
from knative.machine.home import LOOPBACK
from knative.machine.services_postgres import ServicesPostgres
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until
from tests.proof import proof

pytestmark = proof("data-services")

APP = """
import os, socket
from wsgiref.simple_server import WSGIServer, make_server
from socketserver import ThreadingMixIn
import psycopg

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

def answer(environ):
    if environ["PATH_INFO"] == "/reach":
        with socket.socket() as probe:
            probe.settimeout(3)
            return str(probe.connect_ex(("127.0.0.1", 5432)))
    if "DATABASE_URL" not in os.environ:
        return "no database"
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=10) as connection:
        if environ["PATH_INFO"] == "/write":
            return str(connection.execute("INSERT INTO notes DEFAULT VALUES RETURNING id").fetchone()[0])
        return ",".join(str(row[0]) for row in connection.execute("SELECT id FROM notes ORDER BY id"))

def application(environ, start_response):
    try:
        body, status = answer(environ), "200 OK"
    except psycopg.Error as error:
        body, status = str(error), "500 Internal Server Error"
    start_response(status, [("Content-Type", "text/plain")])
    return [body.encode()]

make_server("0.0.0.0", int(os.environ["PORT"]), application, Server).serve_forever()
"""
MIGRATE = """
import os, psycopg
if "DATABASE_URL" in os.environ:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (id serial PRIMARY KEY)")
"""
FILES = {
    "app.py": APP,
    "migrate.py": MIGRATE,
    "requirements.txt": "psycopg[binary]>=3.2,<4\n",
    "Procfile": "web: python app.py\nrelease: python migrate.py\n",
}


def deployed(person: Person, name: str) -> tuple[Json, str]:
    """Deploy the application. Returns it and its URL."""
    return deployed_files(person, name, FILES)


def deployed_files(person: Person, name: str, files: dict[str, str]) -> tuple[Json, str]:
    """Deploy a repository of these files. Returns the application and its URL."""
    repository = repositories.create(person.whole.home, name, files)
    application = person.create(repository.url)
    ended = person.deploy(application)
    assert ended["status"] == "succeeded", (ended, person.log(application, "build"))
    return application, str(ended["url"])


def visit(whole: Whole, url: str, path: str = "/") -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.get(f"http://{LOOPBACK}:{whole.home.ports.ingress}{path}", headers={"Host": urlsplit(url).netloc})


def finished(person: Person, operation_id: str, seconds: float = 180) -> Json:
    def look() -> Json | None:
        view = person.get(f"/v1/operations/{operation_id}")
        return view if view["state"] != "running" else None

    view = until(look, seconds, "for the operation") or {}
    assert view["state"] == "succeeded", view
    return view


def with_database(person: Person, application: Json) -> str:
    """Create a database and bind it to staging. Returns its path."""
    base = f"/v1/apps/{application['id']}/services"
    accepted = person.post(base, {"name": "main"}, 202)
    finished(person, accepted["operationId"])
    answer = person.patiently("PUT", f"{base}/{accepted['id']}/bindings/staging", {})
    assert answer.status_code == 202, answer.text
    finished(person, answer.json()["operationId"])
    return f"{base}/{accepted['id']}"


@pytest.fixture(scope="module")
def bound(ada: Person) -> tuple[Json, str, str]:
    application, url = deployed(ada, "notes")
    assert visit(ada.whole, url).text == "no database"
    return application, url, with_database(ada, application)


def test_the_application_reads_and_writes_its_database(ada: Person, bound: tuple[Json, str, str]) -> None:
    _, url, service = bound
    first = int(visit(ada.whole, url, "/write").text)
    assert visit(ada.whole, url).text.split(",")[-1] == str(first)
    view = ada.get(service)
    assert view["state"] == "ready" and view["storageUsedMib"] > 0 and view["bindings"][0]["variable"] == "DATABASE_URL"


def test_another_application_does_not_reach_the_server(ada: Person) -> None:
    _, url = deployed(ada, "stranger")
    assert visit(ada.whole, url, "/reach").text == str(111), "ECONNREFUSED: nothing listens in its network"


def test_credentials_rotate_without_a_failed_request(ada: Person, bound: tuple[Json, str, str]) -> None:
    application, url, service = bound
    with load(ada.whole, url) as answers:
        accepted = ada.post(f"{service}/rotate", {}, 202)
        finished(ada, accepted["operationId"])
        newest = f"/v1/apps/{application['id']}/deployments?limit=1"
        until(lambda: ada.get(newest)["items"][0]["status"] == "succeeded", 180, "for the restart")
        time.sleep(2)
    assert len(answers) > 10 and {each.status_code for each in answers} == {200}, [each.text for each in answers if each.status_code != 200][:3]
    assert ada.get(service)["rotatedAt"]


def test_what_was_acknowledged_survives_a_killed_server(ada: Person, bound: tuple[Json, str, str]) -> None:
    _, url, _ = bound
    server = ServicesPostgres(ada.whole.home)
    with load(ada.whole, url, "/write") as answers:
        until(lambda: len(answers) > 20, 60, "for writes")
        process = processes.find_running(server.home, server.name)
        assert process is not None
        for each in (process, *process.children()):
            os.kill(each.pid, signal.SIGKILL)
        server.start()
        time.sleep(3)
    acknowledged = {each.text for each in answers if each.status_code == 200}
    assert acknowledged <= set(visit(ada.whole, url).text.split(","))


@contextmanager
def load(whole: Whole, url: str, path: str = "/") -> Iterator[list[httpx.Response]]:
    """Two clients that ask again and again; the list grows with every answer."""
    answers: list[httpx.Response] = []
    stopping = threading.Event()

    def ask() -> None:
        while not stopping.is_set():
            answers.append(visit(whole, url, path))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for each in threads:
        each.start()
    try:
        yield answers
    finally:
        stopping.set()
        for each in threads:
            each.join()
