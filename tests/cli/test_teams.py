"""`capsule teams`, `capsule service-accounts` and `capsule apps transfer`: requests, what they print, and the questions they ask at a terminal."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.cli.screen import attended
from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

StartServer = Callable[[Callable[[Request], Response]], ScriptedServer]
TEAM, BOB, APP, ACCOUNT, TOKEN = (f"0190f0a{number}-0000-7000-8000-000000000001" for number in range(5))
INVITATION = str(UUID(int=6))
AT = "2026-11-01T00:00:00Z"
CREW = {"id": TEAM, "name": "crew", "email": "ada@example.org", "role": "owner", "isPersonal": False, "createdAt": AT}
MEMBER = {"teamId": TEAM, "userId": BOB, "role": "viewer", "grants": [], "email": "bob@example.org", "name": "", "joinedAt": AT}
INVITED = {"id": INVITATION, "teamId": TEAM, "email": "eve@example.org", "role": "developer", "createdAt": AT, "expiresAt": AT}
CI: dict[str, Any] = {"id": ACCOUNT, "teamId": TEAM, "name": "ci", "role": "developer", "grants": [], "createdBy": BOB, "createdAt": AT}
CI["disabledAt"] = None
API_TOKEN: dict[str, Any] = {"id": TOKEN, "name": "gh", "scopes": ["read"], "createdAt": AT, "expiresAt": AT, "lastUsedAt": None, "isExpired": False}
API_TOKEN["createdBy"] = BOB
T, S = f"/v1/teams/{TEAM}", f"/v1/teams/{TEAM}/service-accounts/{ACCOUNT}"
SESSION = {"sessionId": "s", "accessToken": "access-1", "tokenType": "Bearer", "expiresIn": 900, "refreshToken": "refresh-1"}
NEEDS_RECENT_LOGIN = (("DELETE", T), ("POST", f"{T}/transfer"), ("POST", f"{S}/tokens"), ("POST", f"/v1/apps/{APP}/transfer"))


def respond(request: Request) -> Response:
    path = request.path.partition("?")[0]
    lists: dict[str, list[Any]] = {
        "/v1/teams": [CREW],
        f"{T}/members": [MEMBER],
        f"{T}/invitations": [INVITED],
        f"{T}/service-accounts": [CI],
        f"{S}/tokens": [API_TOKEN],
        "/v1/apps": [{"id": APP, "name": "shop"}],
    }
    if request.method == "GET" and path in lists:
        return Response(200, {"items": lists[path], "next": None})
    if request.method == "DELETE":
        return Response(204)
    if path == f"{S}/tokens":
        return Response(201, API_TOKEN | {"token": "capsule_pat_new"})
    if path == f"{T}/invitations":
        return Response(201, INVITED)
    if path.endswith("/transfer"):
        return Response(200, {"id": APP, "name": "shop", "teamId": TEAM, "role": "admin"})
    if "/members/" in path:
        return Response(200, MEMBER | {each: request.body[each] for each in request.body})
    if "/service-accounts" in path:
        return Response(200, CI | {each: value for each, value in request.body.items() if each in CI})
    return Response(200, CREW | {"name": (request.body or {}).get("name", "crew")})


class Careful:
    """An API that needs a recent sign-in until the password is confirmed."""

    def __init__(self) -> None:
        self.is_confirmed = False

    def respond(self, request: Request) -> Response:
        path = request.path.partition("?")[0]
        if path == "/v1/sessions":
            return Response(201, SESSION)
        if path == "/v1/users/me/second-factor":
            return Response(200, {"isEnabled": False, "enabledAt": None, "recoveryCodesLeft": 0})
        if path == "/v1/sessions/current/confirmation":
            self.is_confirmed = request.body == {"password": "right"}
            return Response(200, {"accessToken": "access-2", "tokenType": "Bearer", "expiresIn": 900})
        if (request.method, path) in NEEDS_RECENT_LOGIN and not self.is_confirmed:
            return problem(403, "recent-login-required", "This needs a recent sign-in")
        return respond(request)


COMMANDS: list[tuple[str, str, str, dict[str, Any] | None, str]] = [
    ("teams list", "GET", "/v1/teams", None, "crew"),
    ("teams create crew", "POST", "/v1/teams", {"name": "crew"}, "You are its owner"),
    ("teams rename crew staff", "PATCH", T, {"name": "staff"}, "named staff"),
    ("teams members crew", "GET", f"{T}/members", None, "bob@example.org"),
    ("teams invite crew eve@example.org", "POST", f"{T}/invitations", {"email": "eve@example.org", "role": "developer"}, "expires in seven days"),
    ("teams uninvite crew eve@example.org", "DELETE", f"{T}/invitations/{INVITATION}", None, "Revoked the invitation"),
    ("teams role crew bob@example.org admin", "PATCH", f"{T}/members/{BOB}", {"role": "admin"}, "role admin"),
    (
        "teams grant crew bob@example.org shop:production",
        *("PUT", f"{T}/members/{BOB}/grants", {"grants": [{"applicationId": APP, "environment": "production"}]}, ""),
    ),
    ("teams remove crew bob@example.org", "DELETE", f"{T}/members/{BOB}", None, "no member of crew any more"),
    ("teams leave crew", "DELETE", f"{T}/membership", None, "no member of crew any more"),
    ("teams transfer crew bob@example.org", "POST", f"{T}/transfer", {"userId": BOB}, "owns the team crew"),
    ("teams delete crew --yes", "DELETE", T, None, "Deleted the team crew"),
    ("service-accounts list crew", "GET", f"{T}/service-accounts", None, "active"),
    ("service-accounts create crew ci --role viewer", "POST", f"{T}/service-accounts", {"name": "ci", "role": "viewer"}, "role viewer"),
    ("service-accounts role crew ci billing", "PATCH", S, {"role": "billing"}, "role billing"),
    ("service-accounts grant crew ci", "PATCH", S, {"grants": []}, "none"),
    ("service-accounts disable crew ci", "PATCH", S, {"isDisabled": True}, "refused within a second"),
    ("service-accounts enable crew 0190f0a3", "PATCH", S, {"isDisabled": False}, "within a minute"),
    ("service-accounts delete crew ci --yes", "DELETE", S, None, "Deleted the service account ci"),
    ("service-accounts tokens crew ci", "GET", f"{S}/tokens", None, "bob@example.org"),
    (
        "service-accounts create-token crew ci gh --scope read --scope deploy --expires 30d",
        *("POST", f"{S}/tokens", {"name": "gh", "scopes": ["read", "deploy"], "expiresInDays": 30}, "capsule_pat_new"),
    ),
    ("service-accounts revoke-token crew ci gh", "DELETE", f"{S}/tokens/{TOKEN}", None, "Revoked API token gh of ci"),
    ("apps transfer shop --team crew --yes", "POST", f"/v1/apps/{APP}/transfer", {"teamId": TEAM}, "shop belongs to crew"),
    ("apps transfer shop --yes", "POST", f"/v1/apps/{APP}/transfer", {}, "shop belongs to your personal team"),
]


@pytest.mark.parametrize(("words", "method", "path", "body", "out"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_each_command_sends_its_request(
    terminal: Terminal, scripted: StartServer, words: str, method: str, path: str, body: dict[str, Any] | None, out: str
) -> None:
    server = scripted(respond)
    terminal.api, terminal.variables = server.url, {"CAPSULE_TOKEN": "t"}
    assert out in terminal.invoke(*words.split(), code=0).out
    sent = [each for each in server.requests if (each.method, each.path.partition("?")[0]) == (method, path)]
    assert sent, [(each.method, each.path) for each in server.requests]
    if body is not None:
        assert sent[-1].body == body


@pytest.mark.parametrize(
    ("words", "err"),
    [
        ("teams role crew nobody@example.org admin", 'has no member "nobody@example.org"'),
        ("teams show staff", 'You have no team "staff"'),
        ("teams grant crew bob@example.org :production", "is no grant"),
        ("service-accounts disable crew robot", 'no service account "robot"'),
        ("service-accounts revoke-token crew ci other", 'no API token "other"'),
        ("teams delete crew", "--yes"),
        ("apps transfer shop --team crew", "--yes"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_sent(terminal: Terminal, scripted: StartServer, words: str, err: str) -> None:
    server = scripted(respond)
    terminal.api, terminal.variables = server.url, {"CAPSULE_TOKEN": "t"}
    result = terminal.invoke(*words.split(), code=4 if "no " in err and "--yes" not in err and "grant" not in err else 2)
    assert err in result.err
    assert {each.method for each in server.requests} <= {"GET"}


@pytest.mark.parametrize(
    ("words", "prompt", "answer", "method", "path"),
    [
        ("teams delete crew", b'Type "crew" to confirm', b"crew", "DELETE", T),
        ("apps transfer shop --team crew", b'Type "shop" to confirm', b"shop", "POST", f"/v1/apps/{APP}/transfer"),
        ("teams transfer crew bob@example.org", b"", b"", "POST", f"{T}/transfer"),
    ],
)
def test_a_person_types_the_name_and_the_password(
    terminal: Terminal, scripted: StartServer, words: str, prompt: bytes, answer: bytes, method: str, path: str
) -> None:
    api = Careful()
    server = scripted(api.respond)
    terminal.api = server.url
    terminal.invoke("login", "--email", "ada@example.org", "--password-stdin", stdin="right\n", code=0)
    if prompt:
        with attended(terminal, *words.split()) as screen:
            screen.read_until(prompt)
            screen.write(b"other\r")
            screen.read_until(b"The names differ; nothing was")
            assert screen.wait() == 2
        assert (method, path) not in {(each.method, each.path) for each in server.requests}
    with attended(terminal, *words.split()) as screen:
        if prompt:
            screen.read_until(prompt)
            screen.write(answer + b"\r")
        if (method, path) in NEEDS_RECENT_LOGIN:
            screen.read_until(b"This needs a recent sign-in.")
            screen.read_until(b"Password: ")  # the space follows when the terminal does not echo any more
            screen.write(b"right\r")
        screen.read_until("✓".encode())
        assert screen.wait() == 0
    assert (server.requests[-1].method, server.requests[-1].path) == (method, path)
