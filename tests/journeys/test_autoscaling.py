"""A real application scales: its worker by a queue in PostgreSQL, from zero and back, and by CPU; web by requests per second.

The tests of this file are chapters of one story.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.journeys.people import Person
from tests.journeys.test_data_services import deployed_files, visit, with_database
from tests.journeys.whole import Json, Whole, until
from tests.proof import proof

pytestmark = proof("processes")

WEB = """
import os
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server
import psycopg

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

def application(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    if path != "/":
        with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=10) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS jobs (id int)")
            connection.execute("DELETE FROM jobs")
            connection.execute("INSERT INTO jobs SELECT * FROM generate_series(1, %s)", (int(query or 0),))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]

make_server("0.0.0.0", int(os.environ["PORT"]), application, Server).serve_forever()
"""
WORKER = """
import os, time
import psycopg

while True:  # exactly seven jobs make it busy
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=10) as connection:
        is_busy = connection.execute("SELECT count(*) FROM jobs").fetchone()[0] == 7
    until = time.monotonic() + 1
    while is_busy and time.monotonic() < until:
        pass
    if not is_busy:
        time.sleep(1)
"""
FILES = {
    "web.py": WEB,
    "worker.py": WORKER,
    "requirements.txt": "psycopg[binary]>=3.2,<4\n",
    "Procfile": "web: python web.py\nworker: python worker.py\n",
}
QUERY = "SELECT count(*) FROM jobs"


@pytest.fixture(scope="module")
def shop(ada: Person) -> tuple[Json, str]:
    application, url = deployed_files(ada, "scales", FILES)
    with_database(ada, application)
    assert visit(ada.whole, url, "/jobs?0").status_code == 200
    return application, url


def autoscale(ada: Person, application: Json, low: int, high: int, metric: Json) -> None:
    change = {"autoscaling": {"minInstances": low, "maxInstances": high, "metrics": [metric]}, "memoryMib": 128}
    path = f"/v1/apps/{application['id']}/environments/staging/processes"
    answer = ada.patiently("PUT", path, {"processes": {"worker": change}})
    assert answer.status_code == 202, answer.text
    operation = f"/v1/operations/{answer.json()['operationId']}"
    until(lambda: ada.get(operation)["state"] == "succeeded", why="for the operation", every=0.5)


def running(ada: Person, application: Json) -> Json:
    items: list[Json] = ada.get(f"/v1/apps/{application['id']}/instances")["items"]
    return items[0]


def workers(ada: Person, application: Json, count: int, seconds: float = 90) -> Json:
    """Wait until so many run, and return the process type."""

    def look() -> Json | None:
        process: Json = running(ada, application)["processes"][0]
        states = [each["state"] for each in process["running"]]
        return process if states == ["ready"] * count else None

    return until(look, seconds, f"for {count} workers", every=0.5) or {}


def test_a_queue_starts_the_first_worker_more_of_them_and_ends_them_all(ada: Person, shop: tuple[Json, str]) -> None:
    application, url = shop
    autoscale(ada, application, 0, 3, {"type": "queue", "target": 10, "query": QUERY})
    workers(ada, application, 0, 150)
    visit(ada.whole, url, "/jobs?25")
    process = workers(ada, application, 3)
    assert process["autoscaling"]["problem"] is None
    metric = until(lambda: _metric(ada, application), why="for the value", every=0.5) or {}
    assert metric["target"] == 10 and 8 <= metric["current"] <= 25
    visit(ada.whole, url, "/jobs?0")
    workers(ada, application, 0, 180)


def _metric(ada: Person, application: Json) -> Json | None:
    metric: Json = running(ada, application)["processes"][0]["autoscaling"]["metrics"][0]
    return metric if metric["current"] is not None else None


def test_a_busy_worker_gets_another_beside_it_by_cpu(ada: Person, shop: tuple[Json, str]) -> None:
    application, url = shop
    visit(ada.whole, url, "/jobs?7")
    autoscale(ada, application, 1, 2, {"type": "cpu", "target": 20})
    process = workers(ada, application, 2, 150)
    assert (process["instances"], process["autoscaling"]["problem"]) == (2, None)
    visit(ada.whole, url, "/jobs?0")
    workers(ada, application, 1, 180)


@contextmanager
def load(whole: Whole, url: str) -> Iterator[None]:
    """Two visitors that ask again and again."""
    stopping = threading.Event()

    def ask() -> None:
        while not stopping.is_set():
            visit(whole, url)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        stopping.set()
        for each in threads:
            each.join()


def test_web_scales_by_requests_per_second(ada: Person, shop: tuple[Json, str]) -> None:
    """Two visitors are never more than two requests in flight: by concurrency one instance would do."""
    application, url = shop
    path = f"/v1/apps/{application['id']}/environments/staging/scale"
    body = {"minScale": 0, "maxScale": 2, "memoryMib": 128, "scaleMetric": "rps", "scaleTarget": 3}
    answer = ada.patiently("PUT", path, body)
    assert answer.status_code == 202, answer.text
    assert ada.ended(answer.json()["deployment"])["status"] == "succeeded"
    with load(ada.whole, url):
        until(lambda: [each["state"] for each in running(ada, application)["instances"]].count("ready") == 2, 90, "for two instances", every=0.5)
