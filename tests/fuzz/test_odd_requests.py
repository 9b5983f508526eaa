"""A short run of `./taskw fuzz` with a fixed seed: gateway and the functions of all contexts, without a cluster."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fuzz.__main__ import send_odd_requests
from tests.fuzz.client import Answer, Request
from tests.fuzz.verdict import fault
from tests.gateway.live import PASSWORD, Live, running, sign_in

SEED = 11
REQUESTS = 400
CONTEXTS = ("auth", "billing", "deploy", "monitor")
PROBLEM = {"content-type": "application/problem+json"}


@pytest.fixture(scope="module")
def live(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    databases = {context: postgres.database(context) for context in CONTEXTS}
    with running(rabbitmq.vhost(), databases, tmp_path_factory.mktemp("fuzz")) as live:
        yield live


def administrator(live: Live) -> str:
    """Return the access token of a new one."""
    email, _ = sign_in(live)
    live.rows("UPDATE users SET roles = '{user,admin}' WHERE email = %s RETURNING id", email)
    return str(live.client.post("/v1/sessions", json={"email": email, "password": PASSWORD}).json()["accessToken"])


def test_no_odd_request_is_a_fault_of_the_server(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    token = administrator(live)
    me = httpx.get(f"{live.url}/v1/users/me", headers={"Authorization": f"Bearer {token}"}).json()
    faults = send_odd_requests(live.url, token, {"userId": me["id"], "environment": "staging", "number": 1}, 600, SEED, REQUESTS)
    assert not faults, capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "without a response"),
        (Answer(500, PROBLEM, b""), "status 500"),
        (Answer(503, PROBLEM, b""), "without Retry-After"),
        (Answer(404, {"content-type": "text/plain"}, b"Not Found"), "content type"),
        (Answer(404, PROBLEM, b"{"), "not JSON"),
        (Answer(404, PROBLEM, b'{"status": 400, "title": "a", "detail": "b"}'), "lacks"),
        (Answer(404, PROBLEM, b'{"status": 404, "title": "a", "detail": "b", "instance": "//a b"}'), "URI reference"),
        (Answer(422, PROBLEM, b'{"status": 422, "title": "a", "detail": "b", "errors": [{"pointer": "#/a"}]}'), "pointers"),
        (Answer(200, {}, b""), ""),
    ],
)
def test_a_fault_is_found(answer: Answer | None, reason: str) -> None:
    assert reason in fault(answer) and bool(reason) == bool(fault(answer))


def test_a_request_is_printed_as_a_command_that_repeats_it() -> None:
    command = Request("GET", b"/a%00", (b'X: "\xff$',), b"{}").command("http://127.0.0.1:3000")
    assert command.endswith("| nc -q 30 127.0.0.1 3000")
    assert "GET /a\\x2500 HTTP/1.1\\x0d\\x0a" in command and "X: \\x22\\xff\\x24" in command
