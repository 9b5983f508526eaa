"""`capsule operations` and `capsule whoami` of a token, against scripted answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.credentials import Credentials, Login
from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

ID = "01a20315-da05-70b5-a4cb-338095110690"
AT = "2026-11-29T12:00:00Z"
Start = Callable[[Callable[[Request], Response]], ScriptedServer]


def view(state: str, error: str | None = None) -> dict[str, Any]:
    failed = {"title": "The refund failed", "detail": error, "reason": "refund-failed"} if error else None
    step = {"step": "refund", "startedAt": AT, "finishedAt": None, "attempts": 1, "error": error}
    return {
        **{"id": ID, "kind": "refund", "state": state, "summary": f"The refund {state}.", "steps": [step], "resource": "/v1/billing/invoices/i"},
        **{"problem": failed, "requestedAt": AT, "finishedAt": None if state == "running" else AT, "invoiceId": "i", "amount": None},
    }


@pytest.fixture
def states() -> list[dict[str, Any]]:
    """What billing answers, one after the other; the last one again."""
    return [view("running"), view("succeeded")]


@pytest.fixture
def terminal(scripted: Start, states: list[dict[str, Any]], tmp_path: Path) -> Terminal:
    def answer(request: Request) -> Response:
        if request.path == f"/v1/operations/billing/{ID}":
            return Response(200, states.pop(0) if len(states) > 1 else states[0])
        if request.path == "/v1/users/me":
            return problem(403, "forbidden", "This is about the account of a user.")
        if request.path == "/v1/me":
            caller = {"kind": "service-account", "id": ID, "name": "ci", "email": None, "teamId": ID, "roles": [], "scopes": ["deploy"]}
            return Response(200, caller)
        return problem(404, "operation-not-found", "No.")

    server = scripted(answer)
    Credentials(tmp_path, server.url).store(Login("ada@example.org", "token", "refresh", 2**32))
    return Terminal(server.url, tmp_path, tmp_path)


def test_an_operation_is_found_in_whichever_context_it_is(terminal: Terminal) -> None:
    result = terminal.invoke("operations", "show", ID, code=0)
    assert "The refund running." in result.out and f"capsule operations follow /v1/operations/billing/{ID}" in result.err
    assert terminal.invoke("operations", "show", f"/v1/operations/billing/{ID}", "--json", code=0).document["state"] == "succeeded"
    terminal.invoke("operations", "show", f"/v1/operations/monitor/{ID}", code=4)
    terminal.invoke("operations", "show", "deploy", code=2)


def test_an_operation_is_followed_to_its_end(terminal: Terminal, states: list[dict[str, Any]]) -> None:
    followed = terminal.invoke("operations", "follow", ID, code=0)
    assert "The refund running." in followed.err and "The refund succeeded." in followed.out
    states[:] = [view("running"), view("failed", "The account is closed.")]
    failed = terminal.invoke("operations", "follow", ID, "--quiet", code=1)
    assert "running" not in failed.err and "The account is closed." in failed.err


def test_whoami_of_a_token_that_reads_no_account_names_the_service_account(terminal: Terminal) -> None:
    result = terminal.invoke("whoami", code=0)
    assert "service-account" in result.out and "ci" in result.out and "deploy" in result.out
    assert terminal.invoke("whoami", "--json", code=0).document["kind"] == "service-account"
