"""Completion of parameters by their names, for all commands alike: whatever is called `team` is completed with teams."""

from collections.abc import Callable, Mapping
from copy import copy
from typing import Annotated, Any

import typer
from typer.models import ParameterInfo

from cli.client import Client, Json, segment
from cli.completion import Completion, application, application_names, complete, short
from cli.failures import Failure

CONTEXTS = ("auth", "billing", "deploy", "monitor")


def team_names(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: [(each["name"] or each["id"], each["role"]) for each in client.page("/v1/teams")])


def member_emails(ctx: typer.Context, incomplete: str) -> Completion:
    return complete(incomplete, lambda client: [(each["email"], each["role"]) for each in client.page(f"{_team(client, ctx)}/members")])


def invited_emails(ctx: typer.Context, incomplete: str) -> Completion:
    return complete(incomplete, lambda client: [(each["email"], each["role"]) for each in client.page(f"{_team(client, ctx)}/invitations")])


def account_names(ctx: typer.Context, incomplete: str) -> Completion:
    return complete(incomplete, lambda client: [(each["name"], each["role"]) for each in _accounts(client, ctx)])


def account_tokens(ctx: typer.Context, incomplete: str) -> Completion:
    def list_tokens(client: Client) -> Completion:
        account = next(each for each in _accounts(client, ctx) if each["name"] == ctx.params.get("name"))
        items = client.page(f"{_team(client, ctx)}/service-accounts/{segment(account['id'])}/tokens")
        return [(each["name"], ", ".join(each["scopes"])) for each in items]

    return complete(incomplete, list_tokens)


def run_ids(ctx: typer.Context, incomplete: str) -> Completion:
    def list_runs(client: Client) -> Completion:
        items = client.page(f"/v1/apps/{application(client, ctx)['id']}/runs", limit=50)
        return [(each["id"], f"{each['status']} {each['command']}") for each in items]

    return complete(incomplete, list_runs)


def schedule_ids(ctx: typer.Context, incomplete: str) -> Completion:
    def list_schedules(client: Client) -> Completion:
        items = client.page(f"/v1/apps/{application(client, ctx)['id']}/schedules")
        return [(each["id"], f"{each['cron']} {each['command']}") for each in items]

    return complete(incomplete, list_schedules)


def process_types(ctx: typer.Context, incomplete: str) -> Completion:
    """Process types beside web, as `TYPE=` of a command that scales them."""

    def list_types(client: Client) -> Completion:
        items = client.page(f"/v1/apps/{application(client, ctx)['id']}/instances")
        names = {process["name"]: process["command"] or "" for each in items for process in each["processes"]}
        names |= {"web": "requests"} if ctx.info_name == "autoscale" else {}
        suffix = "=" if ctx.info_name == "scale" else ""
        return [(f"{name}{suffix}", command) for name, command in sorted(names.items())]

    return complete(incomplete, list_types)


def metric_targets(incomplete: str) -> Completion:
    """Metrics of autoscaling, as `NAME=`."""
    meanings = {"cpu": "percent of what an instance may use", "memory": "percent of what an instance may use", "queue": "what waits, per instance"}
    meanings |= {"rps": "requests per second to an instance of web", "concurrency": "requests in flight in an instance of web"}
    return [(f"{name}=", meaning) for name, meaning in meanings.items() if name.startswith(incomplete)]


def variable_names(ctx: typer.Context, incomplete: str) -> Completion:
    def list_variables(client: Client) -> Completion:
        base = f"/v1/apps/{application(client, ctx)['id']}"
        environment = ctx.params.get("env") or "staging"
        view = client.get(f"{base}/config" if ctx.params.get("all") else f"{base}/environments/{segment(environment)}/config")
        return [(each["name"], "") for each in view["items"]]

    return complete(incomplete, list_variables)


def delivery_ids(ctx: typer.Context, incomplete: str) -> Completion:
    def list_deliveries(client: Client) -> Completion:
        webhook = next(each for each in client.page("/v1/webhooks") if each["id"].startswith(ctx.params.get("webhook") or "-"))
        return short(client.page(f"/v1/webhooks/{segment(webhook['id'])}/deliveries", limit=20), lambda each: f"{each['type']} {each['state']}")

    return complete(incomplete, list_deliveries)


def event_types(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: [(each["type"], each["summary"]) for each in client.page("/v1/webhook-event-types")])


def user_emails(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: [(each["email"], "") for each in client.page("/v1/admin/users", search=incomplete, limit=20)])


def customer_emails(incomplete: str) -> Completion:
    def list_customers(client: Client) -> Completion:
        return [(each["email"], each["plan"] or "") for each in client.page("/v1/billing/operator/customers", email=incomplete, limit=20)]

    return complete(incomplete, list_customers)


def numbers_of_all_invoices(incomplete: str) -> Completion:
    def list_invoices(client: Client) -> Completion:
        return [(each["number"], f"{each['email']} {each['status']}") for each in client.page("/v1/billing/operator/invoices", limit=50)]

    return complete(incomplete, list_invoices)


def suppressed_addresses(incomplete: str) -> Completion:
    return complete(incomplete, lambda client: [(each["address"], each["reason"]) for each in client.page("/v1/admin/email-suppressions", limit=50)])


def open_dead_letters(incomplete: str) -> Completion:
    def list_letters(client: Client) -> Completion:
        found = [each for name in CONTEXTS for each in client.get(f"/v1/operations/{name}/dead-letters", limit=50)["letters"]]
        return [(each["id"], f"{each['function']} {each['error']}") for each in found]

    return complete(incomplete, list_letters)


def _causes(name: str, incomplete: str) -> Completion:
    def list_causes(client: Client) -> Completion:
        found = [each for context in CONTEXTS for each in client.get(f"/v1/operations/{context}/dead-letters", limit=1)["causes"]]
        return [(value, "") for value in sorted({each[name] for each in found})]

    return complete(incomplete, list_causes)


def dead_functions(incomplete: str) -> Completion:
    return _causes("function", incomplete)


def dead_errors(incomplete: str) -> Completion:
    return _causes("error", incomplete)


def context_names(incomplete: str) -> Completion:
    return [(name, "") for name in CONTEXTS if name.startswith(incomplete)]


BY_PARAMETER: Mapping[str, Callable[..., Completion]] = {
    "team": team_names,
    "app": application_names,
    "run": run_ids,
    "schedule": schedule_ids,
    "process": process_types,
    "processes": process_types,
    "names": variable_names,
    "delivery": delivery_ids,
    "event": event_types,
    "user": user_emails,
    "customer": customer_emails,
    "context": context_names,
}
"""The same in every group of commands."""
BY_COMMAND: Mapping[tuple[str, str], Callable[..., Completion]] = {
    **{(f"teams {command}", "email"): member_emails for command in ("grant", "remove", "role", "transfer")},
    ("teams uninvite", "email"): invited_emails,
    **{
        (f"service-accounts {command}", "name"): account_names
        for command in ("create-token", "delete", "disable", "enable", "grant", "revoke-token", "role", "tokens")
    },
    ("service-accounts revoke-token", "token"): account_tokens,
    ("operator refund", "invoice"): numbers_of_all_invoices,
    ("operator void", "invoice"): numbers_of_all_invoices,
    ("suppressions lift", "address"): suppressed_addresses,
    ("dead-letters show", "id"): open_dead_letters,
    **{(f"dead-letters {command}", "function"): dead_functions for command in ("list", "replay", "discard")},
    **{(f"dead-letters {command}", "error"): dead_errors for command in ("list", "replay", "discard")},
    **{(f"dead-letters {command}", "ids"): open_dead_letters for command in ("replay", "discard")},
}
"""(Command with its group, parameter)."""


def completed(command: str, name: str, annotation: Any) -> Any:
    """Return the annotation of a parameter with its completion, unless it declares one of its own."""
    found = BY_COMMAND.get((command, name)) or BY_PARAMETER.get(name)
    metadata = getattr(annotation, "__metadata__", ())
    if found is None or any(each.autocompletion is not None for each in metadata if isinstance(each, ParameterInfo)):
        return annotation
    copies = tuple(_with_completion(each, found) if isinstance(each, ParameterInfo) else each for each in metadata)
    return Annotated[(annotation.__origin__, *copies)]


def _with_completion(info: ParameterInfo, function: Callable[..., Completion]) -> ParameterInfo:
    own = copy(info)  # several commands share the declaration of a parameter
    own.autocompletion = function
    return own


def _team(client: Client, ctx: typer.Context) -> str:
    """The path of the team that the command line names. Raises Failure without one."""
    selected = ctx.params.get("team")
    for each in client.page("/v1/teams"):
        if selected in (each["name"], each["id"]):
            return f"/v1/teams/{segment(each['id'])}"
    raise Failure("no team is selected")


def _accounts(client: Client, ctx: typer.Context) -> list[Json]:
    return client.page(f"{_team(client, ctx)}/service-accounts")
