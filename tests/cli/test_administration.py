"""The audit log and the administration of users in the terminal, against scripted responses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from functions.auth.domain.audit import AuditEntry, Head, chain
from functions.auth.queries.audit import AuditEntryView
from functions.auth.queries.audit_chain import ChainedEntryView
from tests.auth.audit_samples import ADA, record
from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

Start = Callable[[Callable[[Request], Response]], ScriptedServer]
SESSION = {"sessionId": "s", "accessToken": "access-1", "tokenType": "Bearer", "expiresIn": 900, "refreshToken": "refresh-1"}
ENTRIES = chain(Head(), [record(1), record(2, outcome="rejected", reason="wrong-credentials"), record(3)], erased=frozenset())
BOB = {
    "id": str(ADA),
    "email": "bob@example.org",
    "emailVerified": True,
    "name": "Bob",
    "roles": ["user"],
    "createdAt": "2026-11-29T12:00:00Z",
    "deletesAt": None,
    "suspendedAt": None,
    "suspensionReason": None,
}
DETAILS = {"hasSecondFactor": True, "sessions": 2, "failedLogins": 5, "lockedUntil": "2026-11-29T12:30:00Z"}


def document(entry: AuditEntry, view: type[AuditEntryView] | type[ChainedEntryView]) -> object:
    return json.loads(view.of(entry).model_dump_json(by_alias=True))


def respond(request: Request) -> Response:
    path, _, query = request.path.partition("?")
    match request.method, path:
        case "POST", "/v1/sessions":
            return Response(201, SESSION)
        case "GET", "/v1/audit":
            return Response(200, {"items": [document(each, AuditEntryView) for each in reversed(ENTRIES)], "next": None})
        case "GET", "/v1/audit/chain":
            after = int(query.partition("after=")[2].partition("&")[0] or 0)
            limit = 1 if "limit=1" in query.split("&") else 2
            items = [document(each, ChainedEntryView) for each in ENTRIES if each.sequence > after][:limit]
            return Response(200, {"items": items, "headSequence": 3, "headHash": ENTRIES[-1].hash})
        case "GET", "/v1/admin/users":
            return Response(200, {"items": [BOB] if "nobody" not in query else [], "next": None})
        case "GET", _:
            return Response(200, BOB | DETAILS)
        case "POST", "/v1/admin/users/00000000-0000-0000-0000-000000000001/suspension":
            assert request.body == {"reason": "Abuse."}
            return Response(200, BOB | {"suspendedAt": "2026-11-29T12:00:00Z", "suspensionReason": "Abuse."})
        case "DELETE", path if path.endswith("/suspension"):
            return Response(200, BOB)
        case "DELETE", _:
            return Response(204)
    return problem(404, "no-such-route", "There is no such route")


@pytest.fixture
def api(terminal: Terminal, scripted: Start) -> ScriptedServer:
    server = scripted(respond)
    terminal.api = server.url
    terminal.invoke("login", "--email", "ada@example.org", "--password-stdin", stdin="password\n", code=0)
    return server


def test_the_audit_log_is_listed(terminal: Terminal, api: ScriptedServer) -> None:
    out = terminal.invoke("audit", "list", "--action", "deploy", code=0).out
    assert "deploy.configure_environment (wrong-credentials)" in out and "memoryMib: 256 → 512" in out
    assert "is not the id of a user" in terminal.invoke("audit", "list", "--user", "bob", code=2).err


def test_an_export_verifies_as_a_whole_and_in_part(terminal: Terminal, api: ScriptedServer, tmp_path: Path) -> None:
    whole, part = str(tmp_path / "whole.jsonl"), str(tmp_path / "part.jsonl")
    assert f"Head: 3:{ENTRIES[2].hash}" in " ".join(terminal.invoke("audit", "export", "--output", whole, code=0).err.split())
    terminal.invoke("audit", "export", "--output", part, "--after", "1", code=0)
    assert "3 entries verify" in terminal.invoke("audit", "verify", whole, code=0).out
    verified = " ".join(terminal.invoke("audit", "verify", part, "--head", f"2:{ENTRIES[1].hash}", code=0).out.split())
    assert verified.startswith("✓ 2 entries after entry 1 (no entry says that those before were removed")
    assert f"must end with 1:{ENTRIES[0].hash}) verify" in verified
    assert "exists" in terminal.invoke("audit", "export", "--output", whole, code=2).err
    assert "has no entry 9" in terminal.invoke("audit", "export", "--after", "9", code=2).err
    assert terminal.invoke("audit", "export", code=0).out == Path(whole).read_text()


def test_users_are_listed_shown_suspended_and_unlocked(terminal: Terminal, api: ScriptedServer) -> None:
    assert "bob@example.org" in terminal.invoke("admin", "users", "list", "bob", code=0).out
    out = terminal.invoke("admin", "users", "show", "bob@example.org", code=0).out
    assert "Second factor   on" in out and "Failed sign-ins 5" in out
    assert "bob@example.org is suspended" in terminal.invoke("admin", "users", "suspend", "bob@example.org", "--reason", "Abuse.", code=0).out
    assert "can sign in again" in terminal.invoke("admin", "users", "unsuspend", str(ADA), code=0).out
    assert "at once" in terminal.invoke("admin", "users", "unlock", "bob@example.org", code=0).out
    assert "Removed the second factor" in terminal.invoke("admin", "users", "remove-2fa", "bob@example.org", code=0).out
    assert "There is no user" in terminal.invoke("admin", "users", "show", "nobody@example.org", code=4).err
