"""Alerts and their notifications."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from cli.client import Json, segment
from cli.completion import alert_ids
from cli.declaration import command, subcommands
from cli.lookup import resolve_id
from cli.options import App
from cli.render import alerts as render
from cli.session import Session

PLATFORM_APPLICATION_ID = str(UUID(int=0))
"""The application id of alerts about Capsule itself, which only admins see."""
PAGE_SIZE = 200


class AlertState(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


def declare(app: typer.Typer) -> None:
    alerts = subcommands(app, "alerts", "List and acknowledge alerts.")
    command(alerts, "list")(list_)
    command(alerts, "ack")(acknowledge)
    command(alerts, "deliveries")(deliveries)


def list_(
    session: Session,
    app: App = None,
    state: Annotated[AlertState | None, typer.Option(metavar="STATE", help=f"Only {', '.join(AlertState)} alerts.")] = None,
) -> None:
    """List alerts, newest first.

    Without --app, lists the alerts of all your applications; admins also see those of the platform.
    """
    alerts = _alerts(session, state)
    if app or session.settings.app:
        selected = {session.application(app)["id"]} | (set() if app else {PLATFORM_APPLICATION_ID})
        alerts = [each for each in alerts if each["applicationId"] in selected]
    session.output.show(alerts, render.alerts(alerts))
    is_firing = any(each["state"] == "firing" for each in alerts)
    session.output.next_step("capsule alerts ack ID" if is_firing else "capsule alert-rules list")


def acknowledge(
    session: Session, alert: Annotated[str, typer.Argument(metavar="ID", help="The beginning of its id.", autocompletion=alert_ids)]
) -> None:
    """Acknowledge an alert.

    It sends no more notifications.
    """
    alert_id = resolve_id("alert", alert, lambda: [each["id"] for each in _alerts(session, None)], hint="capsule alerts list")
    acknowledged = session.api.post(f"/v1/alerts/{segment(alert_id)}/acknowledge")
    session.output.show(acknowledged, "✓ Acknowledged. It sends no more notifications.")
    session.output.next_step("capsule alerts list")


def deliveries(session: Session, app: App = None) -> None:
    """List notifications and their delivery."""
    application = session.application(app)
    items = session.api.page(f"/v1/apps/{application['id']}/alert-deliveries")
    session.output.show(items, render.deliveries(items))
    session.output.next_step(session.command("alert-channels list", application))


def _alerts(session: Session, state: AlertState | None) -> list[Json]:
    return session.api.page("/v1/alerts", state=state, limit=PAGE_SIZE)
