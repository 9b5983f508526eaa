"""A worker that consumes and a schedule, in a real deployed application: scaled, killed, stopped gently; a run with its history and log.

The tests of this file are chapters of one story.
"""

import os
import secrets
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from knative.machine.repositories import Repository
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until
from tests.proof import proof

pytestmark = proof("processes")

WEB = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")


HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""
WORKER = """
import os, signal, sys, time

jobs = 0


def stop(*_):
    print(f"worker stopped gently after {jobs} jobs", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
print("worker of", os.environ["CAPSULE_RELEASE"], "waits, PORT is", os.environ.get("PORT"), flush=True)
while True:
    time.sleep(1)
    jobs += 1
    print("worker consumed job", jobs, flush=True)
"""
FILES = {
    "requirements.txt": "",
    "Procfile": "web: python web.py\nworker: python worker.py\ntool: python tool.py\n",
    "web.py": WEB,
    "worker.py": WORKER,
    "tool.py": "",
    "nightly.py": "import os\nprint('nightly of', os.environ['CAPSULE_RELEASE'])\n",
}


@pytest.fixture(scope="module")
def repository(whole: Whole) -> Repository:
    return whole.repository(f"shop-{secrets.token_hex(3)}", FILES)


@pytest.fixture(scope="module")
def application(ada: Person, repository: Repository) -> Json:
    return ada.create(repository.url)


@pytest.fixture(scope="module")
def deployment(ada: Person, application: Json) -> Iterator[Json]:
    found = ada.deploy(application)
    assert found["status"] == "succeeded", found
    yield found


def environment(ada: Person, application: Json) -> Json:
    items: list[Json] = ada.get(f"/v1/apps/{application['id']}/instances")["items"]
    return items[0]


def process(ada: Person, application: Json, name: str = "worker") -> Json:
    return next(each for each in environment(ada, application)["processes"] if each["name"] == name)


def ready(ada: Person, application: Json, count: int, release: str = "") -> list[Json]:
    """Wait for so many instances, of a release if one is named: one that exits at once is ready for a moment too."""

    def look() -> list[Json] | None:
        running = process(ada, application)["running"]
        is_done = len(running) == count and all(each["state"] == "ready" and (not release or each["release"] == release) for each in running)
        return running or [{}] if is_done else None

    return [each for each in until(look, 90, f"for {count} workers", every=0.5) or [] if each]


def scale(ada: Person, application: Json, count: int, **size: int) -> None:
    path = f"/v1/apps/{application['id']}/environments/staging/processes"
    answer = ada.patiently("PUT", path, {"processes": {"worker": {"instances": count, **size}}})
    assert answer.status_code == 202, answer.text
    operation = f"/v1/operations/{answer.json()['operationId']}"
    until(lambda: ada.get(operation)["state"] == "succeeded", why="for the operation", every=0.5)


def logged(ada: Person, application: Json, process: str, text: str) -> bool:
    page = ada.get(f"/v2/apps/{application['id']}/logs?process={process}&limit=1000")
    return any(text in each["line"] for each in page["lines"])


def pids(whole: Whole, application: Json) -> set[int]:
    namespace = f"app-{application['name']}"
    pods = whole.cluster.find("v1", "Pod", namespace)
    workers = [each["metadata"] for each in pods if (each["metadata"].get("labels") or {}).get("capsule.dev/process") == "worker"]
    return {pid for each in workers for pid in whole._pids(each)}


def test_a_worker_runs_with_the_release_and_other_types_wait(whole: Whole, ada: Person, application: Json, deployment: Json) -> None:
    assert whole.visit(deployment["url"]).text == "hello"
    (worker,) = ready(ada, application, 1)
    assert worker["release"] == "r1"
    assert (process(ada, application, "tool")["instances"], process(ada, application, "tool")["running"]) == (0, [])
    until(lambda: logged(ada, application, "worker", "worker of r1 waits, PORT is None"), why="for its log")
    until(lambda: logged(ada, application, "worker", "worker consumed job 2"), why="for its jobs")
    assert not logged(ada, application, "web", "worker consumed")


def test_it_is_scaled_to_zero_and_to_two_and_ends_gently(ada: Person, application: Json, deployment: Json) -> None:
    scale(ada, application, 0)
    ready(ada, application, 0)
    until(lambda: logged(ada, application, "worker", "worker stopped gently after"), why="for its last line")
    scale(ada, application, 2, memoryMib=128)
    assert len(ready(ada, application, 2)) == 2
    assert process(ada, application)["memoryMib"] == 128


def test_a_killed_worker_starts_again(whole: Whole, ada: Person, application: Json, deployment: Json) -> None:
    victim = min(pids(whole, application))
    os.kill(victim, signal.SIGKILL)
    running = until(lambda: [each for each in process(ada, application)["running"] if each["restarts"]], why="for the restart", every=0.5)
    assert (running or [{}])[0]["lastExitCode"] == 137
    ready(ada, application, 2)


def test_a_schedule_has_runs_with_exit_code_and_log(ada: Person, application: Json, deployment: Json) -> None:
    base = f"/v1/apps/{application['id']}"
    created = ada.post(f"{base}/environments/staging/schedules", {"cron": "* * * * *", "command": "python nightly.py"}, 202)

    def runs(by_hand: bool) -> list[Json]:
        items: list[Json] = ada.get(f"{base}/schedules/{created['id']}/runs")["items"]
        return [each for each in items if each["finishedAt"] and (each["scheduledAt"] is None) is by_hand]

    now = ada.post(f"{base}/schedules/{created['id']}/runs", {}, 202)
    by_hand: Any = until(lambda: runs(by_hand=True), why="for the run by hand", every=0.5)
    assert [(each["id"], each["exitCode"]) for each in by_hand] == [(now["id"], 0)]
    at_its_time: Any = until(lambda: runs(by_hand=False), 150, "for the run at its time", every=1)
    assert at_its_time[0]["exitCode"] == 0
    until(lambda: logged(ada, application, "cron", "nightly of r1"), why="for its log")


def test_a_worker_that_crashes_is_told_by_the_deployment(ada: Person, repository: Repository, application: Json, deployment: Json) -> None:
    scale_path = f"/v1/apps/{application['id']}/environments/staging/scale"
    assert ada.patiently("PUT", scale_path, {"observationSeconds": 15}).status_code == 202  # of a whole in tests: 1 s, before the worker has started
    repository.commit({"worker.py": "import sys; print('no queue'); sys.exit(3)\n"}, "A worker that crashes")
    found = ada.deploy(application)
    assert (found["status"], found["reason"]) == ("succeeded", "process-crashes"), found
    assert "worker exited with code 3" in found["detail"] and "no queue" in found["detail"]
    states = {each["state"] for each in process(ada, application)["running"]}
    assert states <= {"crashed", "starting", "ready"} and process(ada, application)["running"]
    rolled_back = ada.post(f"/v1/apps/{application['id']}/environments/staging/rollbacks", {}, 202)
    assert ada.ended(rolled_back)["status"] == "succeeded"
    ready(ada, application, 2, "r1")
