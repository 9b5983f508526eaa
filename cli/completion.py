"""Completion in the shell: names and ids from the API, refs from the git repository in the working folder.

A completion is quick or empty: one attempt, and no message when the API cannot be reached or nobody is signed in.
"""

import contextlib
import os
import subprocess
from collections.abc import Callable

import typer

from cli.client import Client, Json
from cli.failures import Failure
from cli.lookup import short_ids
from cli.output import Output
from cli.session import Session
from cli.settings import read, working_folder
from cli.tokens import StaticToken

Completion = list[tuple[str, str]]
"""Values, each with a short explanation."""
GIT_TIMEOUT_SECONDS = 2
DEFAULT_ENVIRONMENTS = ("staging", "production")


def application_names(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: [(each["name"], each["repository"]) for each in client.page("/v1/apps", limit=100)])


def environment_names(ctx: typer.Context, incomplete: str) -> Completion:
    """Environments of the selected application; the two that every application has if none is selected."""

    def list_environments(client: Client) -> Completion:
        items = client.page(f"/v1/apps/{application(client, ctx)['id']}/environments")
        return [(each["name"], each["url"] or "not deployed") for each in items]

    return complete(incomplete, list_environments) or [(name, "") for name in DEFAULT_ENVIRONMENTS if name.startswith(incomplete)]


def release_names(ctx: typer.Context, incomplete: str) -> Completion:
    def list_releases(client: Client) -> Completion:
        items = client.page(f"/v1/apps/{application(client, ctx)['id']}/releases", limit=50)
        return [(f"r{each['number']}", each["commit"][:12]) for each in items]

    return complete(incomplete, list_releases)


def deployment_ids(ctx: typer.Context, incomplete: str) -> Completion:
    def list_deployments(client: Client) -> Completion:
        items = client.page(f"/v1/apps/{application(client, ctx)['id']}/deployments", limit=20)
        return short(items, lambda each: f"{each['environment']} {each['status']}")

    return complete(incomplete, list_deployments)


def data_service_names(ctx: typer.Context, incomplete: str) -> Completion:
    def list_services(client: Client) -> Completion:
        return [(each["name"], f"{each['kind']} {each['state']}") for each in client.page(f"/v1/apps/{application(client, ctx)['id']}/services")]

    return complete(incomplete, list_services)


def domain_hosts(ctx: typer.Context, incomplete: str) -> Completion:
    def list_domains(client: Client) -> Completion:
        return [
            (each["host"], f"{each['environment']} {each['state']}") for each in client.page(f"/v1/apps/{application(client, ctx)['id']}/domains")
        ]

    return complete(incomplete, list_domains)


def volume_rules(ctx: typer.Context, incomplete: str) -> Completion:
    def list_volumes(client: Client) -> Completion:
        items = client.page(f"/v1/apps/{application(client, ctx)['id']}/volumes")
        return [(each["name"], f"{each['state']} {each['mountPath'] or ''}".strip()) for each in items]

    return complete(incomplete, list_volumes)


def alert_ids(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: short(client.page("/v1/alerts", limit=50), lambda each: f"{each['application']} {each['kind']}"))


def alert_rule_ids(ctx: typer.Context, incomplete: str) -> Completion:
    def list_rules(client: Client) -> Completion:
        return short(client.page(f"/v1/apps/{application(client, ctx)['id']}/alert-rules"), lambda each: str(each["kind"]))

    return complete(incomplete, list_rules)


def alert_channel_ids(ctx: typer.Context, incomplete: str) -> Completion:
    def list_channels(client: Client) -> Completion:
        return short(client.page(f"/v1/apps/{application(client, ctx)['id']}/alert-channels"), lambda each: str(each["url"]))

    return complete(incomplete, list_channels)


def webhook_ids(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: short(client.page("/v1/webhooks"), lambda each: str(each["url"])))


def plan_codes(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: [(each["code"], each["name"]) for each in client.page("/v1/billing/plans")])


def invoice_numbers(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: [(each["number"], each["status"]) for each in client.page("/v1/billing/invoices", limit=50)])


def session_ids(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: short(client.page("/v1/sessions"), lambda each: f"{each['program']} {each['address']}"))


def identity_ids(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: short(client.page("/v1/users/me/identities"), lambda each: f"{each['provider']} {each['email']}"))


def passkey_ids(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: short(client.page("/v1/users/me/passkeys"), lambda each: str(each["name"])))


def token_names(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: [(each["name"], ", ".join(each["scopes"])) for each in client.page("/v1/tokens")])


def git_refs(incomplete: str) -> Completion:
    """Branches and tags of the git repository in the working folder."""
    try:
        done = subprocess.run(
            ["git", "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", "refs/tags", "refs/remotes/origin"],
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    names = {line.removeprefix("origin/") for line in done.stdout.splitlines()} - {"HEAD", "origin"}
    return [(name, "") for name in sorted(names) if name.startswith(incomplete)]


def complete(incomplete: str, list_values: Callable[[Client], Completion]) -> Completion:
    with contextlib.suppress(Failure):
        return [each for each in list_values(_client()) if each[0].startswith(incomplete)]
    return []


def _client() -> Client:
    """A client that tries once, with the stored token as it is."""
    session = Session(read(None, os.environ, working_folder()), Output(True))
    login = session.credentials.login()
    token = session.settings.token or (login.access_token if login else None)
    return session.client(StaticToken(token) if token else None, max_attempts=1)


def application(client: Client, ctx: typer.Context) -> Json:
    """The application of `--app`, of the argument APP, or of the working folder.

    Raises:
        Failure: there is none.
    """
    selected = ctx.params.get("app") or read(None, os.environ, working_folder()).app
    for each in client.page("/v1/apps", limit=100):
        if selected in (each["name"], each["id"]):
            return each
    raise Failure("no application is selected")


def short(items: list[Json], explain: Callable[[Json], str]) -> Completion:
    shortened = short_ids(each["id"] for each in items)
    return [(shortened[each["id"]], explain(each)) for each in items]
