"""Stored tokens: readable by their owner only, refreshed in time, by one process at a time."""

import json
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.credentials import Credentials, Login
from cli.failures import Failure
from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

StartServer = Callable[[Callable[[Request], Response]], ScriptedServer]
PROFILE = {
    "id": "u",
    "email": "ada@example.org",
    "emailVerified": True,
    "roles": [],
    "name": "",
    "deletesAt": None,
    "createdAt": "2026-01-01T00:00:00Z",
    "updatedAt": "2026-01-01T00:00:00Z",
}


def sign_in(terminal: Terminal, api: str, expires_at: float) -> Credentials:
    terminal.api = api
    credentials = Credentials(terminal.config, api)
    credentials.store(Login("ada@example.org", "access-0", "refresh-0", expires_at))
    return credentials


class AuthServer:
    """Accepts each refresh token once, as the real server does."""

    def __init__(self) -> None:
        self.generation = 0
        self.lock = threading.Lock()

    def __call__(self, request: Request) -> Response:
        with self.lock:
            if request.path == "/v1/sessions/refresh":
                if request.body["refreshToken"] != f"refresh-{self.generation}":
                    return problem(401, "refresh-token-reused", "This refresh token has been used")
                self.generation += 1
                tokens = {"accessToken": f"access-{self.generation}", "refreshToken": f"refresh-{self.generation}", "expiresIn": 900}
                return Response(200, {"sessionId": "s", "tokenType": "Bearer", **tokens})
            if request.headers.get("Authorization") != f"Bearer access-{self.generation}":
                return problem(401, "unauthenticated", "Sign in first")
        return Response(200, PROFILE)


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "config", "https://a.example")
    credentials.store(Login("ada@example.org", "a", "r", 0))
    assert stat.S_IMODE(credentials.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(credentials.path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path, "https://a.example")
    credentials.store(Login("ada@example.org", "a", "r", 0))
    credentials.path.chmod(0o644)
    with pytest.raises(Failure, match="can be read by others"):
        credentials.login()


def test_each_api_has_its_own_login(tmp_path: Path) -> None:
    one, other = Credentials(tmp_path, "https://a.example"), Credentials(tmp_path, "https://b.example")
    one.store(Login("ada@example.org", "a", "r", 0))
    assert other.login() is None
    other.store(Login("bob@example.org", "b", "s", 0))
    one.clear()
    assert one.login() is None and (stored := other.login()) is not None and stored.email == "bob@example.org"


def test_concurrent_processes_refresh_once(terminal: Terminal, scripted: StartServer) -> None:
    server = scripted(AuthServer())
    sign_in(terminal, server.url, time.time() - 1)
    processes = [terminal.start("whoami", "--json") for _ in range(4)]
    assert [terminal.wait(process).document["email"] for process in processes] == ["ada@example.org"] * 4
    assert sum(each.path == "/v1/sessions/refresh" for each in server.requests) == 1
    stored = json.loads((terminal.config / "credentials.json").read_text())["logins"][server.url]
    assert stored["access_token"] == "access-1" and stored["refresh_token"] == "refresh-1"


def test_a_rejected_token_is_refreshed_although_it_has_not_expired(terminal: Terminal, scripted: StartServer) -> None:
    auth = AuthServer()
    server = scripted(auth)
    sign_in(terminal, server.url, time.time() + 3600).store(Login("ada@example.org", "revoked", "refresh-0", time.time() + 3600))
    assert terminal.invoke("whoami", "--json", code=0).document == PROFILE
    assert auth.generation == 1


def test_an_ended_session_is_reported_and_removed(terminal: Terminal, scripted: StartServer) -> None:
    auth = AuthServer()
    auth.generation = 7
    credentials = sign_in(terminal, scripted(auth).url, time.time() - 1)
    result = terminal.invoke("whoami", code=3)
    assert "Your session is over" in result.err and "capsule login" in result.err
    assert credentials.login() is None


def test_capsule_token_is_used_as_it_is(terminal: Terminal, scripted: StartServer) -> None:
    server = scripted(AuthServer())
    terminal.api, terminal.variables = server.url, {"CAPSULE_TOKEN": "access-0"}
    terminal.invoke("whoami", code=0)
    terminal.variables = {"CAPSULE_TOKEN": "wrong"}
    result = terminal.invoke("whoami", code=3)
    assert "CAPSULE_TOKEN is set and invalid" in result.err and "Unset or replace" in result.err and "capsule login" not in result.err
    assert not terminal.config.exists()
