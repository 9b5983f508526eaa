"""Alert rules and alert channels of an application."""

from enum import StrEnum
from typing import Annotated

import typer

from cli.client import Json, segment
from cli.completion import alert_channel_ids, alert_rule_ids
from cli.declaration import command, subcommands
from cli.lookup import resolve_id
from cli.options import App, EnvFilter
from cli.render import alerts as render
from cli.session import Session


class RuleKind(StrEnum):
    DEPLOYMENT_FAILED = "deployment-failed"
    DEPLOYMENT_ROLLED_BACK = "deployment-rolled-back"
    SCHEDULED_RUN_FAILED = "scheduled-run-failed"
    BACKUP_FAILED = "backup-failed"
    CERTIFICATE_FAILED = "certificate-failed"
    ERROR_RATE = "error-rate"
    LATENCY = "latency"


class NoData(StrEnum):
    KEEP = "keep"
    RESOLVE = "resolve"
    FIRE = "fire"


RuleId = Annotated[str, typer.Argument(metavar="ID", help="The beginning of its id.", autocompletion=alert_rule_ids)]
ChannelId = Annotated[str, typer.Argument(metavar="ID", help="The beginning of its id.", autocompletion=alert_channel_ids)]


def declare(app: typer.Typer) -> None:
    rules = subcommands(app, "alert-rules", "List, create and delete alert rules.")
    command(rules, "list")(list_rules)
    command(rules, "create")(create_rule)
    command(rules, "delete")(delete_rule)
    channels = subcommands(app, "alert-channels", "Send alerts to webhooks as well as by e-mail.")
    command(channels, "list")(list_channels)
    command(channels, "create")(create_channel)
    command(channels, "delete")(delete_channel)
    command(channels, "test")(send_test)


def list_rules(session: Session, app: App = None) -> None:
    """List the alert rules of an application."""
    application = session.application(app)
    items = session.operations.monitor.alert_rules(application["id"])["items"]
    session.output.show(items, render.rules(items))
    session.output.next_step(session.command("alert-rules create KIND", application))


def create_rule(
    session: Session,
    kind: Annotated[RuleKind, typer.Argument(metavar="KIND", help=f"What raises the alert: {', '.join(RuleKind)}.")],
    app: App = None,
    env: EnvFilter = None,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="VALUE", help="error-rate: share of 5xx answers (0.05 is 5 %); latency: milliseconds at the 95th percentile."),
    ] = None,
    window_seconds: Annotated[int, typer.Option("--window", metavar="SECONDS", help="Length of the measured period.")] = 300,
    for_seconds: Annotated[int, typer.Option("--for", metavar="SECONDS", help="How long the condition must hold.")] = 0,
    min_requests: Annotated[int, typer.Option(metavar="N", help="Minimum requests in the window (fewer: no data).")] = 1,
    no_data: Annotated[
        NoData | None,
        typer.Option(
            "--no-data", metavar="ACTION", help="What no data does to the alert: keep its state (default), resolve it, or fire (with --env)."
        ),
    ] = None,
) -> None:
    """Create an alert rule."""
    application = session.application(app)
    body = {
        "kind": kind,
        "environment": env,
        "threshold": threshold,
        "window": window_seconds,
        "for": for_seconds,
        "minRequests": min_requests,
    } | ({"noData": no_data} if no_data else {})
    created = session.api.post(f"/v1/apps/{application['id']}/alert-rules", body)
    session.output.show(created, f"✓ Created alert rule {created['id']}.")
    session.output.next_step(session.command("alert-rules list", application))


def delete_rule(session: Session, rule: RuleId, app: App = None) -> None:
    """Delete an alert rule."""
    application = session.application(app)
    rule_id = resolve_id("alert rule", rule, lambda: _ids(session, f"/v1/apps/{application['id']}/alert-rules"), hint="capsule alert-rules list")
    session.api.delete(f"/v1/apps/{application['id']}/alert-rules/{segment(rule_id)}")
    session.output.show({"id": rule_id}, f"✓ Deleted alert rule {rule_id}.")
    session.output.next_step(session.command("alert-rules list", application))


def list_channels(session: Session, app: App = None) -> None:
    """List the webhooks that receive alerts."""
    application = session.application(app)
    items = session.operations.monitor.alert_channels(application["id"])["items"]
    session.output.show(items, render.channels(items))
    session.output.next_step(session.command("alert-channels test ID" if items else "alert-channels create URL", application))


def create_channel(session: Session, url: Annotated[str, typer.Argument(metavar="URL", help="Address of the webhook.")], app: App = None) -> None:
    """Send alerts to a webhook.

    Requests are signed (standardwebhooks.com). The secret is shown only once.
    """
    application = session.application(app)
    created = session.api.post(f"/v1/apps/{application['id']}/alert-channels", {"url": url})
    session.output.show(created, render.channel(created))
    session.output.next_step(session.command(f"alert-channels test {created['id']}", application))


def delete_channel(session: Session, channel: ChannelId, app: App = None) -> None:
    """Delete a webhook that receives alerts."""
    application = session.application(app)
    channel_id = _channel_id(session, application, channel)
    session.api.delete(f"/v1/apps/{application['id']}/alert-channels/{segment(channel_id)}")
    session.output.show({"id": channel_id}, f"✓ Deleted alert channel {channel_id}.")
    session.output.next_step(session.command("alert-channels list", application))


def send_test(session: Session, channel: ChannelId, app: App = None) -> None:
    """Send a test notification to a webhook."""
    application = session.application(app)
    channel_id = _channel_id(session, application, channel)
    accepted = session.api.post(f"/v1/apps/{application['id']}/alert-channels/{segment(channel_id)}/test")
    session.output.show(accepted, "Sending a test notification.")
    session.output.next_step(session.command("alerts deliveries", application))


def _channel_id(session: Session, application: Json, text: str) -> str:
    path = f"/v1/apps/{application['id']}/alert-channels"
    return resolve_id("alert channel", text, lambda: _ids(session, path), hint="capsule alert-channels list")


def _ids(session: Session, path: str) -> list[str]:
    return [str(each["id"]) for each in session.api.items(path)]
