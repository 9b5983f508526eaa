"""What was or is wrong: alerts, the rules by which they are raised, and where else they are told than by mail."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from cli.client import segment
from cli.declaring import command
from cli.options import App
from cli.render import alerts as render
from cli.session import Session

PLATFORM = str(UUID(int=0))
"""What is wrong with Capsule itself stands under this application's id; nobody but admins is told of it."""


class State(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Kind(StrEnum):
    DEPLOYMENT_FAILED = "deployment-failed"
    DEPLOYMENT_ROLLED_BACK = "deployment-rolled-back"
    ERROR_RATE = "error-rate"
    LATENCY = "latency"


def declare(app: typer.Typer) -> None:
    alerts = typer.Typer(no_args_is_help=True, help="Alerts: list, acknowledge; and whom they were told.")
    app.add_typer(alerts, name="alerts")
    command(alerts, "list")(list_)
    command(alerts, "ack")(acknowledge)
    command(alerts, "deliveries")(deliveries)
    rules = typer.Typer(no_args_is_help=True, help="What you are alerted of: list, add, remove.")
    app.add_typer(rules, name="alert-rules")
    command(rules, "list")(list_rules)
    command(rules, "add")(add_rule)
    command(rules, "remove")(remove_rule)
    channels = typer.Typer(no_args_is_help=True, help="Where alerts go beside your mail: list, add, remove, test.")
    app.add_typer(channels, name="alert-channels")
    command(channels, "list")(list_channels)
    command(channels, "add")(add_channel)
    command(channels, "remove")(remove_channel)
    command(channels, "test")(try_channel)


def list_(session: Session, app: App = None, state: Annotated[State | None, typer.Option(help="Only these.")] = None) -> None:
    """What is or was wrong with your applications, the newest first; with --app, with one of them. Admins see the platform's own alerts, too."""
    found = session.api.get("/v1/alerts", state=state, limit=200)["alerts"]
    if app or session.settings.app:
        shown = {session.application(app)["id"]} | (set() if app else {PLATFORM})
        found = [each for each in found if each["applicationId"] in shown]
    session.output.show(found, render.alerts(found))


def acknowledge(session: Session, alert: Annotated[str, typer.Argument(metavar="ALERT", help="Its id.")]) -> None:
    """Say that somebody looks after an alert: it is not told again."""
    answer = session.api.post(f"/v1/alerts/{segment(alert)}/acknowledge")
    session.output.show(answer, "Acknowledged.")


def deliveries(session: Session, app: App = None) -> None:
    """What was told of an application's alerts, to whom, and what became of it."""
    found = session.api.get(f"/v1/apps/{session.application(app)['id']}/alert-deliveries")["deliveries"]
    session.output.show(found, render.deliveries(found))


def list_rules(session: Session, app: App = None) -> None:
    """What the owner of an application is told of."""
    found = session.api.get(f"/v1/apps/{session.application(app)['id']}/alert-rules")["rules"]
    session.output.show(found, render.rules(found))


def add_rule(
    session: Session,
    kind: Annotated[Kind, typer.Argument(help="What to look at.")],
    app: App = None,
    env: Annotated[str | None, typer.Option("--env", "-e", metavar="NAME", help="In this environment only.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="error-rate: the share of requests answered 5xx, 0.05 is 5 %; latency: milliseconds at the 95th percentile.")
    ] = None,
    window: Annotated[int, typer.Option(help="Seconds over which it is measured.")] = 300,
    lasting: Annotated[int, typer.Option("--for", help="Seconds for which it must last.")] = 0,
    min_requests: Annotated[int, typer.Option(help="With fewer requests in the window nothing is said.")] = 1,
) -> None:
    """Be told of something more."""
    body = {"kind": kind, "environment": env, "threshold": threshold, "window": window, "for": lasting, "minRequests": min_requests}
    created = session.api.post(f"/v1/apps/{session.application(app)['id']}/alert-rules", body)
    session.output.show(created, f"Rule {created['id']}")


def remove_rule(session: Session, rule: Annotated[str, typer.Argument(metavar="RULE", help="Its id.")], app: App = None) -> None:
    """No longer be told of something."""
    session.api.delete(f"/v1/apps/{session.application(app)['id']}/alert-rules/{segment(rule)}")
    session.output.show({"id": rule}, "Removed.")


def list_channels(session: Session, app: App = None) -> None:
    """Where an application's alerts go beside its owner's mail."""
    found = session.api.get(f"/v1/apps/{session.application(app)['id']}/alert-channels")["channels"]
    session.output.show(found, render.channels(found))


def add_channel(session: Session, url: Annotated[str, typer.Argument(help="The webhook's address.")], app: App = None) -> None:
    """Have alerts posted to an address, signed (standardwebhooks.com). Its secret is shown this once."""
    created = session.api.post(f"/v1/apps/{session.application(app)['id']}/alert-channels", {"url": url})
    session.output.show(created, render.channel(created))


def remove_channel(session: Session, channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Its id.")], app: App = None) -> None:
    """No longer post alerts to an address."""
    session.api.delete(f"/v1/apps/{session.application(app)['id']}/alert-channels/{segment(channel)}")
    session.output.show({"id": channel}, "Removed.")


def try_channel(session: Session, channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Its id.")], app: App = None) -> None:
    """Post a test; `capsule alerts deliveries` tells what became of it."""
    requested = session.api.post(f"/v1/apps/{session.application(app)['id']}/alert-channels/{segment(channel)}/test")
    session.output.show(requested, "A test is on its way: capsule alerts deliveries")
