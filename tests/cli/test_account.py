"""Commands of the account, against scripted answers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.credentials import Credentials, Login
from tests.cli.scripted import Request, Response, ScriptedServer
from tests.cli.terminal import Terminal

DELETES_AT = "2026-12-13T12:00:00Z"
BILL = {"due": {"amount": 0, "currency": "EUR"}, "atPeriodEnd": {"usage": {"amount": 120, "currency": "EUR"}}}
CHANGE = {"email": "ada@example.com", "requestedAt": DELETES_AT, "expiresAt": DELETES_AT, "unconfirmed": ["current", "new"]}
ANSWERS = {
    ("POST", "/v1/password-resets"): Response(202, {"message": "If this address has an account, an e-mail with a link is on its way."}),
    ("POST", "/v1/password-resets/complete"): Response(200, {"email": "ada@example.org"}),
    ("PUT", "/v1/users/me/email-change"): Response(202, CHANGE),
    ("POST", "/v1/email-changes/confirm"): Response(200, CHANGE | {"unconfirmed": []}),
    ("GET", "/v1/billing/current?limit=0"): Response(200, BILL),
    ("POST", "/v1/users/me/deletion"): Response(202, {"deletesAt": DELETES_AT, "message": ""}),
    ("DELETE", "/v1/users/me/deletion"): Response(204),
    **{("GET", f"/v1/users/me/exports/{context}"): Response(200, {"of": context}) for context in ("auth", "billing", "deploy", "monitor")},
    ("POST", "/v1/sessions"): Response(201, {"accessToken": "a", "refreshToken": "r", "expiresIn": 900, "deletesAt": DELETES_AT}),
}


def answer(request: Request) -> Response:
    return ANSWERS[request.method, request.path]


Start = Callable[[Callable[[Request], Response]], ScriptedServer]


@pytest.fixture
def server(scripted: Start) -> ScriptedServer:
    return scripted(answer)


@pytest.fixture
def signed_in(server: ScriptedServer, tmp_path: Path) -> Terminal:
    Credentials(tmp_path, server.url).store(Login("ada@example.org", "token", "refresh", 2**32))
    return Terminal(server.url, tmp_path, tmp_path)


def test_a_password_is_reset_with_the_link_of_the_email(server: ScriptedServer, signed_in: Terminal) -> None:
    terminal = signed_in
    assert "on its way" in terminal.invoke("password", "reset", "--email", "ada@example.org", code=0).out
    reset = terminal.invoke("password", "reset", "http://x/reset-password?token=cpv_1", "--password-stdin", stdin="a new password", code=0)
    assert "All sessions of ada@example.org have ended" in reset.out and "capsule login" in reset.err
    assert server.requests[-1].body == {"token": "cpv_1", "password": "a new password"}


def test_an_address_is_changed_and_confirmed(server: ScriptedServer, signed_in: Terminal) -> None:
    terminal = signed_in
    changed = terminal.invoke("email", "change", "ada@example.com", "--password-stdin", stdin="the password", code=0)
    assert "waits for the current and the new address" in changed.out
    assert "is ada@example.com" in terminal.invoke("email", "confirm", "cpv_2", code=0).out
    assert server.requests[-1].body == {"token": "cpv_2"}


def test_an_account_is_deleted_and_restored_and_login_offers_it(signed_in: Terminal) -> None:
    terminal = signed_in
    deleted = terminal.invoke("account", "delete", "--password-stdin", stdin="the password", code=0)
    assert "1.20" in deleted.err and "will be deleted" in deleted.out
    terminal.invoke("whoami", code=3)
    login = terminal.invoke("login", "--email", "ada@example.org", "--password-stdin", stdin="the password", code=0)
    assert "will be deleted" in login.err and "capsule account restore" in login.err
    assert "stays" in terminal.invoke("account", "restore", code=0).out


def test_the_export_is_one_json_document(signed_in: Terminal) -> None:
    document = signed_in.invoke("account", "export", code=0).out
    assert '"auth"' in document and '"monitor"' in document and document.lstrip().startswith("{")
