"""Tokens: for this user only, renewed in time, by one process at a time."""

import json
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.credentials import Credentials, Login
from cli.failures import Failure
from tests.cli.scripted import Asked, Said, Scripted, problem
from tests.cli.terminal import Terminal

Make = Callable[[Callable[[Asked], Said]], Scripted]
PROFILE = {
    "id": "u",
    "email": "ada@example.org",
    "emailVerified": True,
    "roles": [],
    "createdAt": "2026-01-01T00:00:00Z",
    "updatedAt": "2026-01-01T00:00:00Z",
}


def sign_in(terminal: Terminal, api: str, expires_at: float) -> Credentials:
    terminal.api = api
    credentials = Credentials(terminal.config, api)
    credentials.keep(Login("ada@example.org", "access-0", "refresh-0", expires_at))
    return credentials


class Auth:
    """Like auth: a refresh token is good once; one that was used ends the session."""

    def __init__(self) -> None:
        self.generation = 0
        self.lock = threading.Lock()

    def __call__(self, asked: Asked) -> Said:
        with self.lock:
            if asked.path == "/v1/sessions/refresh":
                if asked.body["refreshToken"] != f"refresh-{self.generation}":
                    return problem(401, "refresh-token-reused", "This refresh token has been used")
                self.generation += 1
                tokens = {"accessToken": f"access-{self.generation}", "refreshToken": f"refresh-{self.generation}", "expiresIn": 900}
                return Said(200, {"sessionId": "s", "tokenType": "Bearer", **tokens})
            if asked.headers.get("Authorization") != f"Bearer access-{self.generation}":
                return problem(401, "unauthenticated", "Sign in first")
        return Said(200, PROFILE)


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "config", "https://a.example")
    credentials.keep(Login("ada@example.org", "a", "r", 0))
    assert stat.S_IMODE(credentials.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(credentials.path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path, "https://a.example")
    credentials.keep(Login("ada@example.org", "a", "r", 0))
    credentials.path.chmod(0o644)
    with pytest.raises(Failure, match="read by others"):
        credentials.login()


def test_each_api_has_its_own_login(tmp_path: Path) -> None:
    one, other = Credentials(tmp_path, "https://a.example"), Credentials(tmp_path, "https://b.example")
    one.keep(Login("ada@example.org", "a", "r", 0))
    assert other.login() is None
    other.keep(Login("bob@example.org", "b", "s", 0))
    one.keep(None)
    assert one.login() is None and (kept := other.login()) is not None and kept.email == "bob@example.org"


def test_many_processes_renew_once(terminal: Terminal, scripted: Make) -> None:
    server = scripted(Auth())
    sign_in(terminal, server.url, time.time() - 1)
    processes = [terminal.begin("whoami", "--json") for _ in range(4)]
    assert [terminal.end(process).document["email"] for process in processes] == ["ada@example.org"] * 4
    assert sum(each.path == "/v1/sessions/refresh" for each in server.asked) == 1
    kept = json.loads((terminal.config / "credentials.json").read_text())["logins"][server.url]
    assert kept["access_token"] == "access-1" and kept["refresh_token"] == "refresh-1"


def test_a_token_that_the_api_will_not_have_is_renewed_whatever_the_clock_says(terminal: Terminal, scripted: Make) -> None:
    auth = Auth()
    server = scripted(auth)
    sign_in(terminal, server.url, time.time() + 3600).keep(Login("ada@example.org", "revoked", "refresh-0", time.time() + 3600))
    assert terminal.type("whoami", "--json", code=0).document == PROFILE
    assert auth.generation == 1


def test_a_session_that_is_over_says_so_and_is_forgotten(terminal: Terminal, scripted: Make) -> None:
    auth = Auth()
    auth.generation = 7
    credentials = sign_in(terminal, scripted(auth).url, time.time() - 1)
    done = terminal.type("whoami", code=3)
    assert "Your session is over" in done.err and "capsule login" in done.err
    assert credentials.login() is None


def test_a_token_of_the_environment_is_used_as_it_is(terminal: Terminal, scripted: Make) -> None:
    server = scripted(Auth())
    terminal.api, terminal.more = server.url, {"CAPSULE_TOKEN": "access-0"}
    terminal.type("whoami", code=0)
    terminal.more = {"CAPSULE_TOKEN": "wrong"}
    terminal.type("whoami", code=3)
    assert not terminal.config.exists()
