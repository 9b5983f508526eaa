"""Sessions, API tokens and the second factor in the terminal, against scripted responses."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cli.commands.tokens import parse_days
from cli.credentials import Credentials
from cli.failures import UsageError
from cli.render.second_factor import qr_code
from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

Start = Callable[[Callable[[Request], Response]], ScriptedServer]
SESSION = {"sessionId": "s", "accessToken": "access-1", "tokenType": "Bearer", "expiresIn": 900, "refreshToken": "refresh-1"}
NOW = datetime.now(UTC)
IDS = ("0190f0a0-0000-7000-8000-000000000001", "0290f0a0-0000-7000-8000-000000000002")


def device(index: int, *, is_current: bool = False) -> dict[str, object]:
    at = (NOW - timedelta(minutes=5)).isoformat()
    names = {"program": "Firefox 127", "system": "Linux", "userAgent": "Mozilla/5.0", "address": "203.0.113.7"}
    times = {"startedAt": at, "lastSeenAt": at, "expiresAt": at}
    return {"id": IDS[index], "isCurrent": is_current, "hasSecondFactor": False, **names, **times}


def token(name: str, text: str = "") -> dict[str, object]:
    times = {"createdAt": NOW.isoformat(), "expiresAt": (NOW + timedelta(days=14)).isoformat(), "lastUsedAt": None}
    return {"id": IDS[0], "name": name, "scopes": ["deploy", "read"], "isExpired": False, **times} | ({"token": text} if text else {})


class Api:
    """Needs a code to sign in, and a recent sign-in for changes until the identity is confirmed."""

    def __init__(self) -> None:
        self.is_confirmed = False

    def respond(self, request: Request) -> Response:
        match request.method, request.path.partition("?")[0]:
            case "POST", "/v1/sessions":
                return problem(403, "second-factor-required", "The account has a second factor", challenge="cpc_1")
            case "POST", "/v1/sessions/second-factor":
                is_right = request.body == {"challenge": "cpc_1", "code": "123456"}
                return Response(201, SESSION) if is_right else problem(422, "wrong-code", "The code is wrong")
            case "POST", "/v1/sessions/current/confirmation":
                self.is_confirmed = request.body == {"code": "123456"}
                return Response(200, {"accessToken": "access-2", "tokenType": "Bearer", "expiresIn": 900})
            case "GET", "/v1/users/me/second-factor":
                return Response(200, {"isEnabled": True, "enabledAt": NOW.isoformat(), "recoveryCodesLeft": 9})
            case "GET", "/v1/sessions":
                return Response(200, {"items": [device(0, is_current=True), device(1)], "next": None})
            case "GET", "/v1/users/me/identities":
                linked = {"linkedAt": NOW.isoformat(), "lastUsedAt": None}
                return Response(200, {"items": [{"id": IDS[0], "provider": "github", "email": "ada@example.org", **linked}], "next": None})
            case "GET", "/v1/users/me/passkeys":
                times = {"createdAt": NOW.isoformat(), "lastUsedAt": None}
                return Response(200, {"items": [{"id": IDS[0], "name": "Laptop", "isSynced": True, **times}], "next": None})
            case "PATCH", path if path.startswith("/v1/users/me/passkeys/"):
                return Response(200, {"id": IDS[0], **request.body})
            case "GET", "/v1/tokens":
                return Response(200, {"items": [token("ci")], "next": None})
            case "DELETE", "/v1/sessions":
                return Response(200, {"revoked": 1})
            case "DELETE", path if path.startswith(("/v1/sessions/", "/v1/tokens/")):
                return Response(204)
        if not self.is_confirmed or request.headers["Authorization"] != "Bearer access-2":
            return problem(403, "recent-login-required", "This needs a recent sign-in")
        if request.path == "/v1/tokens":
            return Response(201, token("ci", "capsule_pat_secret"))
        if request.method == "DELETE":
            return Response(204)
        if request.path.endswith("/second-factor"):
            return Response(201, {"secret": "A" * 32, "uri": "otpauth://totp/Capsule:ada%40example.org?secret=A&issuer=Capsule"})
        return Response(200, {"codes": ["abcd-efgh-ijkl-mnop"]})


@pytest.fixture
def api(terminal: Terminal, scripted: Start) -> ScriptedServer:
    """An API, and a terminal that has signed in with a code."""
    server = scripted(Api().respond)
    terminal.api = server.url
    terminal.invoke("login", "--email", "ada@example.org", "--password-stdin", stdin="password\n123456\n", code=0)
    return server


def test_signing_in_asks_for_the_code_when_the_api_does(terminal: Terminal, api: ScriptedServer) -> None:
    stored = Credentials(terminal.config, api.url).login()
    assert stored is not None and (stored.email, stored.access_token) == ("ada@example.org", "access-1")
    wrong = terminal.invoke("login", "--email", "ada@example.org", "--password-stdin", stdin="password\n000000\n", code=2)
    assert "The code is wrong" in wrong.err


def test_sessions_are_listed_and_revoked_by_the_beginning_of_an_id_or_together(terminal: Terminal, api: ScriptedServer) -> None:
    listed = terminal.invoke("sessions", "list", code=0).out
    assert "Firefox 127 on Linux (this one)" in listed and "203.0.113.7" in listed and "min ago" in listed
    terminal.invoke("sessions", "revoke", "0290f0a0", code=0)
    assert api.requests[-1].path == f"/v1/sessions/{IDS[1]}"
    assert "Revoked 1 session." in terminal.invoke("sessions", "revoke", "--others", code=0).out
    assert api.requests[-1].path == "/v1/sessions?except=current"
    assert terminal.invoke("sessions", "revoke", code=2).err and terminal.invoke("sessions", "revoke", "--all", "--others", code=2).err
    terminal.invoke("sessions", "revoke", "--all", code=0)
    assert api.requests[-1].path == "/v1/sessions" and Credentials(terminal.config, api.url).login() is None


def test_a_token_is_created_after_the_identity_is_confirmed_and_only_the_token_is_printed(terminal: Terminal, api: ScriptedServer) -> None:
    terminal.invoke("tokens", "create", "ci", "--scope", "read", code=2)  # without a terminal there is no prompt
    assert terminal.invoke("tokens", "list", code=0).out.split()[:2] == ["name", "scopes"]
    terminal.invoke("account", "2fa", "off", "--password-stdin", stdin="123456\n", code=0)
    created = terminal.invoke("tokens", "create", "ci", "--scope", "read", "--scope", "deploy", "--expires", "2w", code=0)
    assert created.out == "capsule_pat_secret\n" and "not shown again" in created.err
    assert api.requests[-1].body == {"name": "ci", "scopes": ["read", "deploy"], "expiresInDays": 14}
    terminal.invoke("tokens", "revoke", "ci", code=0)
    assert api.requests[-1].path == f"/v1/tokens/{IDS[0]}"
    assert "no API token" in terminal.invoke("tokens", "revoke", "other", code=4).err


def test_identities_are_listed_and_unlinked_after_the_identity_is_confirmed(terminal: Terminal, api: ScriptedServer) -> None:
    assert "github" in terminal.invoke("account", "identities", "list", code=0).out
    result = terminal.invoke("account", "identities", "unlink", "0190f0a0", "--password-stdin", stdin="123456\n", code=0)
    assert "unlinked" in result.out and api.requests[-1].path == f"/v1/users/me/identities/{IDS[0]}"


def test_passkeys_are_listed_renamed_and_deleted(terminal: Terminal, api: ScriptedServer) -> None:
    assert "Laptop" in terminal.invoke("account", "passkeys", "list", code=0).out
    assert "Key ring" in terminal.invoke("account", "passkeys", "rename", "0190f0a0", "Key ring", code=0).out
    terminal.invoke("account", "passkeys", "delete", "0190f0a0", "--password-stdin", stdin="123456\n", code=0)
    assert api.requests[-1].path == f"/v1/users/me/passkeys/{IDS[0]}"


def test_the_second_factor_is_turned_on_with_a_qr_code_and_a_first_code(terminal: Terminal, api: ScriptedServer) -> None:
    result = terminal.invoke("account", "2fa", "on", "--password-stdin", stdin="123456\n654321\n", code=0)
    assert "abcd-efgh-ijkl-mnop" in result.out and "A" * 32 in result.err and "█" in result.err
    assert api.requests[-1].body == {"code": "654321"}
    assert terminal.invoke("account", "2fa", "recovery-codes", "--json", code=0).document == {"codes": ["abcd-efgh-ijkl-mnop"]}
    assert "Recovery codes left: 9" in terminal.invoke("account", "2fa", "status", code=0).out


def test_a_qr_code_is_square_and_fits_a_terminal() -> None:
    lines = qr_code("otpauth://totp/Capsule:" + "a" * 64 + "%40example.org?secret=" + "A" * 32 + "&issuer=Capsule")
    assert len({len(line) for line in lines}) == 1 and len(lines[0]) <= 60 and abs(len(lines) * 2 - len(lines[0])) <= 1


@pytest.mark.parametrize(("text", "days"), [("90d", 90), ("90", 90), ("12w", 84), ("6m", 180), ("1Y", 365)])
def test_times_are_days_weeks_months_or_years(text: str, days: int) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "0d", "-1d", "1.5y", "soon", "d", "90 days"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_days(text)
