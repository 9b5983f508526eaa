"""A real application that keeps uploads on a volume: through restarts, releases under load, kill -9, a full volume and a restored snapshot."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from knative.machine import repositories
from knative.machine.home import LOOPBACK
from knative.machine.knative_process import KNATIVE
from knative.machine.processes import find_running
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until
from tests.proof import proof

pytestmark = proof("volumes")

APP = """
import os
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

MEDIA = "/app/media"

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

def store(name, content):
    with open(f"{MEDIA}/{name}.part", "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{MEDIA}/{name}.part", f"{MEDIA}/{name}")
    folder = os.open(MEDIA, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)

def application(environ, start_response):
    path = environ["PATH_INFO"].strip("/")
    status, body = "200 OK", ""
    try:
        if environ["REQUEST_METHOD"] == "PUT":
            store(path, environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            status = "201 Created"
        elif path == "list":
            body = ",".join(sorted(each for each in os.listdir(MEDIA) if not each.endswith(".part")))
        elif path == "id":
            body = f"{os.getuid()} {os.stat(MEDIA).st_uid}"
        elif path:
            body = open(f"{MEDIA}/{path}").read()
    except OSError as error:
        status, body = "507 Insufficient Storage", error.strerror
    start_response(status, [("Content-Type", "text/plain")])
    return [body.encode()]

make_server("0.0.0.0", int(os.environ["PORT"]), application, Server).serve_forever()
"""
FILES = {"app.py": APP, "requirements.txt": "", "Procfile": "web: python app.py\n"}


def send(whole: Whole, url: str, method: str, path: str, content: bytes = b"") -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=60) as client:
        address = f"http://{LOOPBACK}:{whole.home.ports.ingress}/{path}"
        return client.request(method, address, headers={"Host": urlsplit(url).netloc}, content=content)


def files(person: Person, url: str) -> set[str]:
    text = send(person.whole, url, "GET", "list").text
    return set(text.split(",")) if text else set()


def finished(person: Person, operation_id: str, seconds: float = 180) -> Json:
    def look() -> Json | None:
        view = person.get(f"/v1/operations/{operation_id}")
        return view if view["state"] != "running" else None

    view = until(look, seconds, "for the operation") or {}
    assert view["state"] == "succeeded", view
    return view


def with_volume(person: Person, name: str) -> tuple[Json, str, str]:
    """Deploy the application with a volume. Returns it, its URL and the path of the volume."""
    repository = repositories.create(person.whole.home, name, FILES)
    application = person.create(repository.url)
    ended = person.deploy(application)
    assert ended["status"] == "succeeded", (ended, person.log(application, "build"))
    base = f"/v1/apps/{application['id']}/volumes"
    accepted = person.post(base, {"name": "uploads", "sizeMib": 64}, 202)
    finished(person, accepted["operationId"])
    volume = f"{base}/{accepted['id']}"
    answer = person.patiently("PUT", f"{volume}/attachment", {"environment": "staging", "mountPath": "/app/media"})
    assert answer.status_code == 202, answer.text
    finished(person, answer.json()["operationId"])
    return application, str(ended["url"]), volume


@pytest.fixture(scope="module")
def attached(ada: Person) -> tuple[Json, str, str]:
    return with_volume(ada, "gallery")


@contextmanager
def uploads(whole: Whole, url: str, prefix: str) -> Iterator[dict[str, int]]:
    """Upload files without a pause. Yields the status of each by its name."""
    statuses: dict[str, int] = {}
    ended = threading.Event()

    def upload(worker: int) -> None:
        number = 0
        while not ended.is_set():
            name = f"{prefix}-{worker}-{number}"
            try:
                statuses[name] = send(whole, url, "PUT", name, name.encode()).status_code
            except httpx.HTTPError:
                statuses[name] = 0
            number += 1
            time.sleep(0.02)

    threads = [threading.Thread(target=upload, args=(worker,)) for worker in range(3)]
    for each in threads:
        each.start()
    try:
        yield statuses
    finally:
        ended.set()
        for each in threads:
            each.join()


def test_files_belong_to_the_application_and_stay(ada: Person, attached: tuple[Json, str, str]) -> None:
    application, url, volume = attached
    assert send(ada.whole, url, "GET", "id").text == "1000 1000"
    assert send(ada.whole, url, "PUT", "first", b"kept").status_code == 201
    restarted = ada.patiently("POST", f"/v1/apps/{application['id']}/environments/staging/restart", {})
    finished(ada, restarted.json()["operationId"])
    assert send(ada.whole, url, "GET", "first").text == "kept"
    assert ada.get(volume)["environment"] == "staging"


def test_no_upload_is_lost_while_releases_are_handed_over(ada: Person, attached: tuple[Json, str, str]) -> None:
    application, url, _ = attached
    with uploads(ada.whole, url, "handover") as statuses:
        for _ in range(2):
            restarted = ada.patiently("POST", f"/v1/apps/{application['id']}/environments/staging/restart", {})
            finished(ada, restarted.json()["operationId"])
    assert len(statuses) > 30 and set(statuses.values()) == {201}, {name: code for name, code in statuses.items() if code != 201}
    assert set(statuses) <= files(ada, url)


def test_another_application_has_a_volume_of_its_own(ada: Person, attached: tuple[Json, str, str]) -> None:
    _, url, volume = attached
    _, other_url, other_volume = with_volume(ada, "stranger")
    assert files(ada, other_url) == set()
    answers = [send(ada.whole, other_url, "PUT", f"big{number}", os.urandom(8 << 20)) for number in range(9)]
    assert answers[-1].status_code == 507 and answers[-1].text == "No space left on device"
    assert send(ada.whole, url, "PUT", "beside", b"fine").status_code == 201, "a full volume is its owner's alone"
    until(lambda: (ada.get(other_volume)["usedBytes"] or 0) > 48 << 20, 60, "for the measurement")
    assert (ada.get(volume)["usedBytes"] or 0) < 32 << 20


def test_a_snapshot_is_restored(ada: Person, attached: tuple[Json, str, str]) -> None:
    _, url, volume = attached
    before = files(ada, url)
    snapshot = ada.post(f"{volume}/snapshots", {}, 202)
    finished(ada, snapshot["operationId"])
    assert send(ada.whole, url, "PUT", "later", b"gone by the restore").status_code == 201

    restored = ada.post(f"{volume}/restore", {"snapshotId": snapshot["id"]}, 202)
    finished(ada, restored["operationId"])

    until(lambda: files(ada, url) == before, 120, "for the restart with the files of the snapshot")


def test_what_was_acknowledged_survives_kill_9(ada: Person, attached: tuple[Json, str, str]) -> None:
    """The one-machine Knative is killed, and with it every instance."""
    _, url, _ = attached
    with uploads(ada.whole, url, "killed") as statuses:
        until(lambda: sum(code == 201 for code in statuses.values()) > 20, 60, "for uploads")
        process = find_running(ada.whole.home, KNATIVE)
        assert process is not None
        process.kill()
        ada.whole.up()
        until(lambda: sum(code == 201 for code in statuses.values()) > 60, 120, "for uploads after the start")
    acknowledged = {name for name, code in statuses.items() if code == 201}
    assert acknowledged <= files(ada, url)
