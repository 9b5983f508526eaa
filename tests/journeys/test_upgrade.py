"""An upgrade under load: `up` of a newer version in the same state folder fails no request of clients that read, write, follow and visit."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from knative.machine import keys
from knative.machine.home import CONTEXTS
from tests.documents import adding_a_function as newer_version
from tests.journeys.people import Person
from tests.journeys.upgrade_load import UpgradeLoad
from tests.journeys.whole import Whole, until
from tests.proof import proof
from tests.waiting import wait_limit

pytestmark = proof("upgrade")

BEFORE_ROUNDS, AFTER_ROUNDS = 3, 5
UPGRADE_SECONDS = 600


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newer version in a folder of its own: with another command, event, handler, table and migration, and a changed function."""
    folder = tmp_path_factory.mktemp("newer")
    newer_version.copy_repository(folder)
    newer_version.apply(folder)
    profile = folder / "functions/auth/queries/profile.py"
    profile.write_text(profile.read_text().replace('"""', '"""The newer one. ', 1))
    subprocess.run([sys.executable, "-m", "functions.describe"], cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, check=True)
    folder.chmod(0o755)
    for parent in folder.parents[:3]:
        if parent.name.startswith(("pytest-", "newer")):
            parent.chmod(0o755)  # functions run as other users and read their code there
    return folder


@pytest.fixture
def load(own_whole: Whole) -> Iterator[UpgradeLoad]:
    owner = Person(own_whole).become_a_user()
    repository = own_whole.repository("visited", {"Procfile": "web: python app.py\n", "requirements.txt": "", "app.py": APPLICATION})
    deployment = owner.deploy(owner.create(repository.url))
    assert deployment["status"] == "succeeded", deployment
    found = UpgradeLoad(own_whole, [Person(own_whole).become_a_user() for _ in range(2)], owner, deployment)
    found.start()
    yield found
    found.stop()


APPLICATION = """
import base64, hashlib, http.server, os, time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def echo(self):
        "RFC 6455: short messages, and the Close frame, come back."
        self.send_response(101)
        accept = hashlib.sha1((self.headers["sec-websocket-key"] + GUID).encode()).digest()
        for name, value in ("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-accept", base64.b64encode(accept).decode()):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        while len(head := self.rfile.read(6)) == 6:
            length = head[1] & 127
            payload = bytes(byte ^ head[2 + index % 4] for index, byte in enumerate(self.rfile.read(length)))
            self.wfile.write(bytes((head[0], length)) + payload)
            if head[0] & 15 == 8:
                return

    def events(self):
        "Numbered events, from Last-Event-ID on, as long as the client listens."
        self.send_response(200)
        for name, value in ("content-type", "text/event-stream"), ("connection", "close"):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        number = int(self.headers.get("last-event-id", 0))
        while True:
            number += 1
            self.wfile.write(f"id: {number}\\ndata: {number}\\n\\n".encode())
            time.sleep(0.1)

    def do_GET(self):
        if self.path == "/socket":
            return self.echo()
        if self.path == "/events":
            return self.events()
        if self.path == "/slow":
            time.sleep(2)
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""


def run_up(whole: Whole, folder: Path) -> tuple[float, str]:
    environment = {**whole.environment(), "PYTHONPATH": str(folder)}
    began = time.monotonic()
    command, limit = [sys.executable, "-m", "knative.machine", "up"], wait_limit(UPGRADE_SECONDS)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=limit)
    assert done.returncode == 0, done.stdout + done.stderr
    return time.monotonic() - began, done.stdout


def test_an_upgrade_fails_no_request(own_whole: Whole, load: UpgradeLoad, newer: Path) -> None:
    whole = own_whole
    load.wait_for_rounds(BEFORE_ROUNDS)
    seconds, output = run_up(whole, newer)
    load.wait_for_rounds(AFTER_ROUNDS)
    load.stop()
    print(f"up of the newer version took {seconds:.1f} s\n{load.summary()}")

    assert "restarted: its code changed" in output, output
    assert not load.failures, "\n".join(load.failures)
    assert load.requests["socket ended"] and load.requests["events ended"], "both were open when the former version stopped"
    email = "ops@example.org"
    changed = load.people[0].send("PUT", "/v1/users/me/contact-email", {"email": email})
    assert changed.status_code == 200 and changed.json()["email"] == email, f"of the newer version's function and table: {changed.text}"

    tokens = load.people[0].get("/v1/tokens")["items"]
    assert len(tokens) == load.kept_tokens[0]
    for context in CONTEXTS:
        with psycopg.connect(keys.migration_url(whole.home, context)) as connection:
            assert connection.execute("SELECT function, error, detail FROM dead_letters").fetchall() == []
            until(lambda c=connection: c.execute("SELECT count(*) FROM outbox").fetchone() == (0,), 30, f"for the outbox of {context}")
