"""A worker that drains a list in its Redis: it runs while something waits, several instances for much, none for nothing, and its Redis stops too.

The tests of this file are chapters of one story.
"""

import pytest

from tests.journeys.people import Person
from tests.journeys.test_autoscaling import running, workers
from tests.journeys.test_data_services import deployed_files, finished, visit
from tests.journeys.test_redis_services import server_process
from tests.journeys.whole import Json, until
from tests.proof import proof

pytestmark = proof("processes")

WEB = """
import os
from wsgiref.simple_server import make_server
import redis

def application(environ, start_response):
    client = redis.Redis.from_url(os.environ["REDIS_URL"]) if "REDIS_URL" in os.environ else None
    count = int(environ["QUERY_STRING"] or 0)
    if client is not None and count:
        client.rpush("jobs:mail", *range(count))
    done = client.get("done") if client is not None else None
    if client is not None:
        client.close()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [done or b"0"]

make_server("0.0.0.0", int(os.environ["PORT"]), application).serve_forever()
"""
WORKER = """
import os, time
import redis

client = redis.Redis.from_url(os.environ["REDIS_URL"])
while True:
    if client.blpop("jobs:mail", timeout=5):
        time.sleep(1.5)
        client.incr("done")
"""
FILES = {
    "web.py": WEB,
    "worker.py": WORKER,
    "requirements.txt": "redis>=5,<9\n",
    "Procfile": "web: python web.py\nworker: python worker.py\n",
}
JOBS = 60


@pytest.fixture(scope="module")
def shop(ada: Person) -> tuple[Json, str, Json]:
    """The application, its URL, and the deployment that serves."""
    application, url = deployed_files(ada, "drains", FILES)
    base = f"/v1/apps/{application['id']}/services"
    accepted = ada.post(base, {"name": "queue", "kind": "redis"}, 202)
    finished(ada, accepted["operationId"])
    answer = ada.patiently("PUT", f"{base}/{accepted['id']}/bindings/staging", {})
    assert answer.status_code == 202, answer.text
    finished(ada, answer.json()["operationId"])
    base = f"/v1/apps/{application['id']}/deployments"
    return application, url, ada.get(f"{base}/{ada.get(f'{base}?limit=1')['items'][0]['id']}")


def test_it_follows_the_list_from_zero_and_back(ada: Person, shop: tuple[Json, str, Json]) -> None:
    application, url, _ = shop
    metric = {"type": "queue", "target": 10, "redisList": "jobs:mail"}
    change = {"autoscaling": {"minInstances": 0, "maxInstances": 3, "metrics": [metric]}, "memoryMib": 128}
    path = f"/v1/apps/{application['id']}/environments/staging/processes"
    answer = ada.patiently("PUT", path, {"processes": {"worker": change}})
    assert answer.status_code == 202, answer.text
    finished(ada, answer.json()["operationId"])
    workers(ada, application, 0, 150)

    visit(ada.whole, url, f"/?{JOBS}")
    process = workers(ada, application, 3)
    assert process["autoscaling"]["problem"] is None
    until(lambda: visit(ada.whole, url).text == str(JOBS), 150, "for all jobs", every=2)
    workers(ada, application, 0, 180)


def test_it_is_reported_with_its_cause(ada: Person, shop: tuple[Json, str, Json]) -> None:
    application, _, serving = shop

    def last() -> Json | None:
        found: Json | None = running(ada, application)["processes"][0]["autoscaling"]["lastScaling"]
        return found if found and found["instances"] == 0 else None

    assert (until(last, 60, "for the report", every=1) or {})["metric"] == "queue"

    def reports() -> list[Json] | None:
        entries = ada.get(f"/v1/timeline/{serving['correlationId']}")["entries"]
        found = [each for each in entries if "process.scaled" in each["emitted"]]
        return found if len(found) >= 2 else None

    assert len(until(reports, 60, "for the reports of up and down in the timeline", every=1) or []) <= 6, "few between"


def test_its_redis_stops_and_starts_for_the_next_job(ada: Person, shop: tuple[Json, str, Json]) -> None:
    application, url, _ = shop
    until(lambda: server_process(ada.whole.home.path) is None, 180, "for the Redis to stop", every=1)
    visit(ada.whole, url, "/?1")
    workers(ada, application, 1)
