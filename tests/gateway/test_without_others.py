"""The gateway and a function when what they need is gone: the reader of their output, the broker, the database."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import pytest

from knative.machine.postgres import Database
from tests.fuzz.client import Request, send
from tests.fuzz.verdict import fault
from tests.gateway.live import Live, register, running
from tests.proof import proof

NOWHERE = "127.0.0.1:9"
BODY = b'{"email": "ada@example.org", "password": "correct horse battery staple 9"}'
REQUESTS = [
    (Request("GET", b"/livez"), 200),
    (Request("GET", b"/docs"), 200),
    (Request("GET", b"/nothing"), 404),
    (Request("PUT", b"/v1/users"), 405),
    (Request("GET", b"/v1/users/me"), 401),
    (Request("POST", b"/v1/users", (), b"{"), 400),
]
"""What the gateway answers alone, and logs."""


def check(live: Live, request: Request, status: int) -> None:
    answer = send(live.url, request)
    assert fault(answer) == "" and answer is not None and answer.status == status, (request, answer)


@contextmanager
def broken_output(kind: str) -> Iterator[tuple[IO[bytes], Any]]:
    """Yield where processes write, and what breaks it."""
    if kind == "full disk":
        with Path("/dev/full").open("wb") as disk:
            yield disk, lambda: None
        return
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader:
        assert reader.stdin is not None
        yield reader.stdin, lambda: (reader.kill(), reader.wait(60))
        reader.stdin = None  # nothing was written here that could be flushed


@proof("recovery")
@pytest.mark.parametrize("kind", ["reader killed", "full disk"])
def test_processes_go_on_when_nobody_takes_their_output(kind: str, postgres: Any, rabbitmq: Any, tmp_path: Path) -> None:
    with (
        broken_output(kind) as (output, break_it),
        running(rabbitmq.vhost(), {"auth": postgres.database("auth")}, tmp_path, output) as live,
    ):
        break_it()
        for request, status in REQUESTS * 3:
            check(live, request, status)
        answer = register(live, f"{uuid4().hex}@example.org")
        assert answer.status_code == 202, answer.text


@proof("recovery")
def test_without_its_database_a_function_answers_503(postgres: Any, rabbitmq: Any, tmp_path: Path) -> None:
    gone = f"postgresql://auth@{NOWHERE}/auth"
    with running(rabbitmq.vhost(), {"auth": Database("auth", gone, gone, gone)}, tmp_path) as live:
        check(live, Request("POST", b"/v1/users", (), BODY), 503)


def test_without_its_broker_the_gateway_answers_503(postgres: Any, tmp_path: Path) -> None:
    live = Live(f"amqp://guest:guest@{NOWHERE}/", {"auth": postgres.database("auth")}, tmp_path)
    try:
        live.mount_keys()
        live.gateway = live.start_process("edge.gateway", "/livez")
        for request, status in (*REQUESTS, (Request("POST", b"/v1/users", (), BODY), 503)):
            check(live, request, status)
    finally:
        live.stop()
