"""Health, functions and queues for administrators, against scripted responses."""

from collections.abc import Callable

import pytest

from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

Start = Callable[[Callable[[Request], Response]], ScriptedServer]
AT = "2026-11-29T12:00:00Z"
BACKLOG = {"outbox": 12, "outboxOldestSeconds": 31.4, "parked": 0, "deadLetters": 2}
HEALTH = {
    "status": "unhealthy",
    "metadata": {"version": "0.3.0", "bus": {"connected": True}},
    "services": [
        {"service": "auth-service", "check": "pass", "metadata": {"database": {"connected": True, "responseTime": 1.5}, "messages": BACKLOG},
         "gateway": {"circuit": "closed", "inProgress": 1, "waiting": 0}},
        {"service": "billing-service", "check": "fail", "detail": "NoReply: no reply", "gateway": {"circuit": "open", "inProgress": 0, "waiting": 3}},
    ],
}  # fmt: skip


def service(name: str, state: str, instances: int, detail: str = "") -> dict[str, object]:
    return {
        "service": name, "functions": [name.replace("-", ".", 1).replace("-", "_")], "context": name.partition("-")[0], "summary": "", "state": state,
        "detail": detail, "ready": instances, "instances": instances, "restarts": 0, "oldestAt": None, "minScale": 0, "maxScale": 3,
    }  # fmt: skip


SERVICES = [service("auth-login", "running", 2), service("auth-audit", "zero", 0), service("billing-rate", "failed", 0, "Secret is missing.")]
METRICS = {"function": "auth.login", "executions": 1200, "failed": 3, "p95Ms": 41.0, "coldStarts": 4}
QUEUE = {"kind": "function", "unacknowledged": 0, "consumers": 1, "state": "running", "isStuck": False, "ready": 0}
QUEUES = {
    "at": AT, "ready": 37, "unacknowledged": 0, "consumers": 1, "stuck": 1, "delayed": 5,
    "queues": [
        {**QUEUE, "name": "capsule.billing-rate.u", "service": "billing-rate", "ready": 37, "consumers": 0, "isStuck": True},
        {**QUEUE, "name": "capsule.auth-login.u", "service": "auth-login"},
    ],
}  # fmt: skip


def respond(request: Request) -> Response:
    match request.path.partition("?")[0]:
        case "/health":
            return Response(503, HEALTH)
        case "/v1/functions/instances":
            return Response(200, {"at": AT, "running": 1, "starting": 0, "zero": 1, "failed": 1, "instances": 2, "services": SERVICES})
        case "/v1/functions/metrics":
            return Response(200, {"functions": [METRICS]})
        case "/v1/queues":
            return Response(200, QUEUES)
    return problem(404, "no-such-route", f"There is no route {request.path}")


@pytest.fixture
def root(terminal: Terminal, scripted: Start) -> Terminal:
    terminal.api, terminal.variables = scripted(respond).url, {"CAPSULE_TOKEN": "t"}
    return terminal


def test_health_shows_outboxes_and_circuits_and_ends_with_6_when_something_fails(root: Terminal) -> None:
    result = root.invoke("admin", "health", code=6)
    lines = result.out.splitlines()
    assert lines[0] == "unhealthy · RabbitMQ connected · version 0.3.0"
    auth, billing, detail = (" ".join(line.split()) for line in lines[2:5])
    assert auth == "auth works 1.5 ms 12 31 s 0 2 closed 1 0"
    assert billing.startswith("billing fails") and "open" in billing and detail == "NoReply: no reply"
    assert root.invoke("admin", "health", "--json", code=6).document == HEALTH


def test_functions_that_failed_come_first_and_those_at_zero_only_on_demand(root: Terminal) -> None:
    out = root.invoke("admin", "functions", code=0).out
    assert out.splitlines()[0] == "1 at zero, 1 running, 1 failed" and "auth-audit" not in out
    assert out.index("billing-rate") < out.index("Secret is missing.") < out.index("auth-login")
    assert "1,200" in out and "41 ms" in out
    assert "auth-audit" in root.invoke("admin", "functions", "--all", code=0).out
    of_auth = root.invoke("admin", "functions", "--context", "auth", "--json", code=0).document
    assert [each["service"] for each in of_auth["services"]] == ["auth-login", "auth-audit"] and of_auth["metrics"] == [METRICS]


def test_queues_with_messages_are_listed_and_stuck_ones_marked(root: Terminal) -> None:
    result = root.invoke("admin", "queues", code=0)
    assert "37 ready" in result.out and "1 stuck" in result.out and "auth-login" not in result.out
    assert "capsule admin functions" in result.err
    quiet = root.invoke("admin", "queues", "--quiet", code=0)
    assert quiet.out == result.out and quiet.err == ""
    assert "auth-login" in root.invoke("admin", "queues", "--all", code=0).out
