"""Whether e-mails reach an address, for its user and for administrators, against scripted responses."""

from collections.abc import Callable

import pytest

from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

Start = Callable[[Callable[[Request], Response]], ScriptedServer]
SESSION = {"sessionId": "s", "accessToken": "access-1", "tokenType": "Bearer", "expiresIn": 900, "refreshToken": "refresh-1"}
BOUNCED = {
    "email": "ada@example.org",
    "isSuppressed": True,
    "reason": "bounce",
    "detail": "550 5.1.1 no such user",
    "suppressedAt": "2026-11-29T12:00:00Z",
}
DELIVERED = BOUNCED | {"isSuppressed": False, "reason": None, "detail": None, "suppressedAt": None}
ITEM = {"address": "eve+x@example.org", "reason": "complaint", "detail": "abuse", "suppressedAt": "2026-11-29T12:00:00Z"}


def respond(request: Request) -> Response:
    match request.method, request.path.partition("?")[0]:
        case "POST", "/v1/sessions":
            return Response(201, SESSION)
        case "GET", "/v1/users/me/email-delivery":
            return Response(200, BOUNCED)
        case "DELETE", "/v1/users/me/email-suppression":
            return Response(200, DELIVERED)
        case "GET", "/v1/admin/email-suppressions":
            return Response(200, {"items": [ITEM], "next": None})
        case "DELETE", "/v1/admin/email-suppressions/eve%2Bx%40example.org":
            return Response(204)
    return problem(404, "no-such-route", f"There is no route {request.path}")


@pytest.fixture
def ada(terminal: Terminal, scripted: Start) -> Terminal:
    terminal.api = scripted(respond).url
    terminal.invoke("login", "--email", "ada@example.org", "--password-stdin", stdin="password\n", code=0)
    return terminal


def test_a_user_sees_what_the_mail_server_said_and_receives_again(ada: Terminal) -> None:
    result = ada.invoke("email", "delivery", code=0)
    assert "550 5.1.1 no such user" in result.out and "capsule email unsuppress" in result.out + result.err
    assert ada.invoke("email", "delivery", "--json", code=0).document == BOUNCED
    assert "sends e-mails to ada@example.org" in ada.invoke("email", "unsuppress", code=0).out


def test_an_administrator_lists_and_lifts(ada: Terminal) -> None:
    listed = ada.invoke("admin", "suppressions", "list", "@example.org", code=0)
    assert "eve+x@example.org" in listed.out and "complaint" in listed.out
    assert "again" in ada.invoke("admin", "suppressions", "lift", "eve+x@example.org", code=0).out
