"""Completion of plans, environments, releases, refs, applications and ids."""

import subprocess
from collections.abc import Callable
from uuid import UUID

import pytest

from tests.cli.scripted import Request, Response, ScriptedServer
from tests.cli.terminal import Terminal

StartServer = Callable[[Callable[[Request], Response]], ScriptedServer]
ONE, TWO = "01a20315-da05-70b5-a4cb-338095110690", "01a20315-c69a-77dc-855f-a3b140186488"
SHOP = str(UUID(int=1))
DEPLOYMENTS = [{"id": each, "environment": "staging", "status": "succeeded"} for each in (ONE, TWO)]
LISTS = {
    "/v1/apps": [{"id": SHOP, "name": "shop", "repository": "https://example.org/shop.git"}],
    f"/v1/apps/{SHOP}/environments": [{"name": "staging", "url": None}, {"name": "qa", "url": "http://shop-qa.localhost"}],
    f"/v1/apps/{SHOP}/releases": [{"number": 12, "commit": "c" * 40}, {"number": 3, "commit": "d" * 40}],
    f"/v1/apps/{SHOP}/deployments": DEPLOYMENTS,
    f"/v1/apps/{SHOP}/alert-rules": [{"id": ONE, "kind": "latency"}],
    f"/v1/apps/{SHOP}/alert-channels": [{"id": TWO, "url": "https://example.org/hook"}],
    "/v1/alerts": [{"id": ONE, "application": "shop", "kind": "latency"}],
    "/v1/teams": [{"id": TWO, "name": "crew", "role": "owner"}],
    f"/v1/teams/{TWO}/members": [{"email": "bob@example.org", "role": "viewer"}],
    f"/v1/teams/{TWO}/service-accounts": [{"id": ONE, "name": "ci", "role": "developer"}],
    f"/v1/teams/{TWO}/service-accounts/{ONE}/tokens": [{"name": "github-actions", "scopes": ["read"]}],
    f"/v1/apps/{SHOP}/runs": [{"id": ONE, "status": "running", "command": "bash"}],
    "/v1/admin/users": [{"email": "eve@example.org"}],
    "/v1/webhook-event-types": [{"type": "deployment.failed", "summary": "A deployment failed."}],
    "/v1/billing/operator/invoices": [{"number": "2026-000002", "email": "bob@example.org", "status": "open"}],
    "/v1/billing/plans": [{"code": "free", "name": "Free"}, {"code": "pro", "name": "Pro"}],
    "/v1/billing/invoices": [{"number": "2026-000001", "status": "paid"}],
}


def respond(request: Request) -> Response:
    return Response(200, {"items": LISTS[request.path.partition("?")[0]], "next": None})


def variables(words: str) -> dict[str, str]:
    """Of a shell that asks for completions."""
    count = len(words.split()) - (0 if words.endswith(" ") else 1)
    return {"_CAPSULE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(count)}


def complete(terminal: Terminal, words: str) -> list[str]:
    terminal.variables |= variables(words)
    return terminal.invoke(code=0).out.split()


def complete_in_folder(terminal: Terminal, words: str) -> list[str]:
    """By a process, in the terminal's folder."""
    terminal.variables |= variables(words)
    return terminal.run(code=None).out.split()


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("capsule status --app ", ["shop"]),
        ("capsule apps delete sh", ["shop"]),
        ("capsule deploy --app shop --env ", ["staging", "qa"]),
        ("capsule promote --app shop --to q", ["qa"]),
        ("capsule rollback --app shop --release r", ["r12", "r3"]),
        ("capsule releases --app shop r1", ["r12"]),
        ("capsule status --app shop 01a2", ["01a20315-d", "01a20315-c"]),
        ("capsule alerts ack ", ["01a20315"]),
        ("capsule alert-rules delete --app shop ", ["01a20315"]),
        ("capsule alert-channels test --app shop ", ["01a20315"]),
        ("capsule subscription change ", ["free", "pro"]),
        ("capsule invoices show ", ["2026-000001"]),
        ("capsule teams members c", ["crew"]),
        ("capsule bill --team ", ["crew"]),
        ("capsule teams role crew ", ["bob@example.org"]),
        ("capsule service-accounts role crew ", ["ci"]),
        ("capsule service-accounts revoke-token crew ci ", ["github-actions"]),
        ("capsule runs show --app shop ", [ONE]),
        ("capsule admin users show ", ["eve@example.org"]),
        ("capsule webhooks add https://example.org --event ", ["deployment.failed"]),
        ("capsule operator void ", ["2026-000002"]),
        ("capsule admin functions --context de", ["deploy"]),
    ],
)
def test_values_come_from_the_api(terminal: Terminal, scripted: StartServer, words: str, values: list[str]) -> None:
    terminal.api, terminal.variables = scripted(respond).url, {"CAPSULE_TOKEN": "t"}
    assert complete(terminal, words) == values


def test_without_an_api_the_usual_environments_are_offered(terminal: Terminal) -> None:
    assert complete(terminal, "capsule deploy --env ") == ["staging", "production"]


def test_refs_come_from_the_git_repository_of_the_folder(terminal: Terminal) -> None:
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for arguments in (["init", "-q", "-b", "main"], [*author, "commit", "-q", "--allow-empty", "-m", "First"], ["branch", "fix"], ["tag", "v1"]):
        subprocess.run(["git", *arguments], cwd=terminal.cwd, check=True)
    assert complete_in_folder(terminal, "capsule deploy --ref ") == ["fix", "main", "v1"]
    assert complete_in_folder(terminal, "capsule deploy --ref v") == ["v1"]
