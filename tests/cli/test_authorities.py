"""The command verifies the API: with the system's authorities and those of CAPSULE_CA_FILE, which the login remembers."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.client import Client
from cli.credentials import Credentials, Login
from cli.failures import ApiUnreachable, UsageError
from cli.output import Output
from cli.session import Session
from cli.settings import Settings
from tests.certificates import Authority
from tests.cli.scripted import Response, ScriptedServer

SESSION = {"accessToken": "access-1", "refreshToken": "refresh-1", "expiresIn": 900}


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> Iterator[ScriptedServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.write(tmp_path / "server", "localhost", "127.0.0.1"))
    server = ScriptedServer(lambda request: Response(body=SESSION if request.path.startswith("/v1/sessions") else {"ok": True}), tls=context)
    yield server
    server.close()


def test_an_authority_that_is_not_trusted_is_named_as_such(server: ScriptedServer) -> None:
    with pytest.raises(ApiUnreachable) as refused:
        Client(server.url, max_attempts=1).get("/v1/apps")
    assert "CAPSULE_CA_FILE=PATH" in refused.value.hint and "CERTIFICATE_VERIFY_FAILED" in refused.value.detail


def test_a_file_that_holds_no_authorities_is_a_usage_error(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "empty.crt").write_text("nothing")
    for name in ("empty.crt", "missing.crt"):
        with pytest.raises(UsageError, match="cannot be used as certificate authorities"):
            Client(server.url, ca_file=str(tmp_path / name))


def test_a_login_remembers_the_authorities(server: ScriptedServer, authority: Authority, tmp_path: Path) -> None:
    trusted = authority.trust(tmp_path)
    session = Session(Settings(tmp_path, server.url, ca_file=trusted), Output(as_json=False))
    session.sign_in("ada@example.org", "password", lambda: "")
    later = Session(Settings(tmp_path, server.url), Output(as_json=False))
    assert later.ca_file == trusted and later.api.get("/v1/apps") == {"ok": True}
    assert Session(Settings(tmp_path, "https://other.example"), Output(as_json=False)).ca_file == ""


def test_a_refreshed_login_keeps_the_authorities(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path, "https://capsule.example.com")
    credentials.store(Login("ada@example.org", "access-0", "refresh-0", 0.0, "/ca.crt"))
    refreshed = credentials.refreshed(lambda login: SESSION)
    assert refreshed is not None and (refreshed.access_token, refreshed.ca_file) == ("access-1", "/ca.crt")
