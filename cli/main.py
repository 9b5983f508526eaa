"""Puts the commands together: `capsule COMMAND`, its help and its completion."""

import importlib.metadata
from typing import Annotated

import typer

from cli.commands import (
    account,
    admin_users,
    alert_settings,
    alerts,
    apps,
    audit,
    autoscaling,
    billing,
    billing_details,
    cron,
    deletion,
    deploy,
    domains,
    email_address,
    environments,
    identities,
    maintenance,
    observe,
    operations,
    operator,
    passkeys,
    passwords,
    plan,
    releases,
    repository_access,
    run,
    running,
    runs,
    second_factor,
    service_accounts,
    services,
    sessions,
    status,
    subscription,
    teams,
    tokens,
    volumes,
    webhooks,
)
from cli.help import RootGroup

SUMMARY = "Deploy applications from git to your own servers."
EXIT_CODES = (
    "Exit codes: 0 success · 1 failed · 2 usage · 3 not signed in · 4 not found · 5 refused · 6 unavailable · 130 interrupted\n\n"
    "Every command has --help. First steps: capsule register, apps create, deploy, open."
)

RootGroup.panels = {
    "Get started": ("register", "verify", "login", "plan", "apps", "link", "deploy", "open"),
    "Run": (
        *("status", "ps", "restart", "stop", "start", "maintenance", "run", "runs", "cron"),
        *("releases", "rollback", "promote", "cancel", "env", "scale", "autoscale", "environments", "services", "domains", "volumes"),
    ),
    "Private repositories": ("key", "token", "host-keys"),
    "Observe": ("logs", "metrics", "disk", "timeline", "operations", "alerts", "alert-rules", "alert-channels", "webhooks"),
    "Billing": ("plans", "subscription", "bill", "usage", "invoices", "billing-details", "quota", "operator"),
    "Teams": ("teams", "service-accounts", "permissions"),
    "Account": ("whoami", "profile", "sessions", "tokens", "account", "password", "email", "logout"),
    "Administration": ("audit", "admin"),
}

app = typer.Typer(
    name="capsule",
    cls=RootGroup,
    help=SUMMARY,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

TOPICS = (
    account,
    sessions,
    tokens,
    second_factor,
    identities,
    passkeys,
    passwords,
    email_address,
    deletion,
    service_accounts,
    teams,
    apps,
    plan,
    status,
    deploy,
    environments,
    autoscaling,
    maintenance,
    running,
    run,
    runs,
    cron,
    releases,
    services,
    domains,
    volumes,
    repository_access,
    observe,
    alerts,
    alert_settings,
    webhooks,
    billing,
    billing_details,
    subscription,
    operations,
    operator,
    audit,
    admin_users,
)
for topic in TOPICS:
    topic.declare(app)


def _print_version(is_requested: bool) -> None:
    if is_requested:
        print(f"capsule {importlib.metadata.version('capsule')}")
        raise typer.Exit


@app.callback()
def capsule(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Deploy applications from git to your own servers."""


def main() -> None:
    app(prog_name="capsule")
