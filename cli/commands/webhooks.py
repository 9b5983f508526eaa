"""Webhooks: signed requests to a server of yours when something happens."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.client import segment
from cli.completion import webhook_ids
from cli.declaration import command, subcommands
from cli.failures import UsageError
from cli.lookup import resolve_id
from cli.render import webhooks as render
from cli.session import Session
from cli.team_lookup import Team, of_team


class State(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


Id = Annotated[str, typer.Argument(metavar="ID", help="The beginning of its id.", autocompletion=webhook_ids)]
Events = Annotated[list[str] | None, typer.Option("--event", metavar="TYPE", help="Event type to receive, or * for all. Repeat it for more.")]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")]


def declare(app: typer.Typer) -> None:
    webhooks = subcommands(app, "webhooks", "Send events to a server of yours.")
    command(webhooks, "list")(list_webhooks)
    command(webhooks, "add")(add)
    command(webhooks, "show")(show)
    command(webhooks, "update")(update)
    command(webhooks, "delete")(delete)
    command(webhooks, "deliveries")(deliveries)
    command(webhooks, "redeliver")(redeliver)
    command(webhooks, "test")(test)
    command(webhooks, "rotate-secret")(rotate_secret)
    command(webhooks, "event-types")(event_types)


def list_webhooks(session: Session, team: Team = None) -> None:
    """List webhooks with events and state."""
    items = session.api.page("/v1/webhooks", **of_team(session, team))
    session.output.show(items, render.webhooks(items))
    session.output.next_step("capsule webhooks deliveries ID" if items else "capsule webhooks add URL --event deployment.failed")


def add(
    session: Session,
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of your server.")],
    event: Events = None,
    description: Description = None,
    team: Team = None,
) -> None:
    """Add a webhook and print its secret once.

    Requests are signed (standardwebhooks.com). Without --event it receives all events.
    """
    body = {"url": url, "eventTypes": event or ["*"], "description": description or "", **of_team(session, team)}
    created = session.api.post("/v1/webhooks", body)
    session.output.show(created, render.created(created))
    session.output.note("✓ Created. The secret is not shown again.")
    session.output.next_step(f"capsule webhooks test {created['id']}")


def show(session: Session, webhook: Id, team: Team = None) -> None:
    """Show a webhook."""
    found = session.api.get(f"/v1/webhooks/{segment(_find(session, webhook, team))}")
    session.output.show(found, render.webhook(found))
    session.output.next_step(f"capsule webhooks deliveries {found['id']}")


def update(
    session: Session,
    webhook: Id,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Another address.")] = None,
    event: Events = None,
    description: Description = None,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Send events again, or no longer.", show_default=False)] = None,
    team: Team = None,
) -> None:
    """Change a webhook, or enable it again.

    --event replaces all event types.
    """
    fields = {"url": url, "eventTypes": event or None, "description": description, "enabled": enable}
    body: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    if not body:
        raise UsageError("Nothing to change", hint="Use --url, --event, --description, --enable or --disable")
    updated = session.api.patch(f"/v1/webhooks/{segment(_find(session, webhook, team))}", body)
    session.output.show(updated, render.webhook(updated))
    session.output.next_step(f"capsule webhooks test {updated['id']}")


def delete(session: Session, webhook: Id, team: Team = None) -> None:
    """Delete a webhook with its deliveries."""
    webhook_id = _find(session, webhook, team)
    session.api.delete(f"/v1/webhooks/{segment(webhook_id)}")
    session.output.show({"id": webhook_id}, f"✓ Deleted webhook {webhook_id}.")
    session.output.next_step("capsule webhooks list")


def deliveries(
    session: Session,
    webhook: Id,
    state: Annotated[State | None, typer.Option("--state", metavar="STATE", help=f"Only those in it: {', '.join(State)}.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=200, help="At most so many.")] = 20,
    team: Team = None,
) -> None:
    """List what was sent to a webhook."""
    webhook_id = _find(session, webhook, team)
    query: dict[str, Any] = {"limit": limit} | ({"state": state} if state else {})
    items = session.api.page(f"/v1/webhooks/{segment(webhook_id)}/deliveries", **query)
    session.output.show(items, render.deliveries(items))
    session.output.next_step(f"capsule webhooks redeliver {webhook_id} DELIVERY" if items else f"capsule webhooks test {webhook_id}")


def redeliver(
    session: Session,
    webhook: Id,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="The beginning of its id.")],
    team: Team = None,
) -> None:
    """Send a finished delivery again."""
    webhook_id = _find(session, webhook, team)
    path = f"/v1/webhooks/{segment(webhook_id)}/deliveries"
    delivery_id = resolve_id(
        "delivery", delivery, lambda: [str(each["id"]) for each in session.api.items(path)], hint=f"capsule webhooks deliveries {webhook_id}"
    )
    accepted = session.api.post(f"/v1/webhooks/{segment(webhook_id)}/deliveries/{segment(delivery_id)}/redelivery")
    session.output.show(accepted, f"Sending delivery {delivery_id} again.")
    session.output.next_step(f"capsule webhooks deliveries {webhook_id}")


def test(session: Session, webhook: Id, team: Team = None) -> None:
    """Send a test event to a webhook."""
    webhook_id = _find(session, webhook, team)
    accepted = session.api.post(f"/v1/webhooks/{segment(webhook_id)}/test")
    session.output.show(accepted, "Sending a test event.")
    session.output.next_step(f"capsule webhooks deliveries {webhook_id}")


def rotate_secret(session: Session, webhook: Id, team: Team = None) -> None:
    """Replace the secret and print it once.

    For 24 hours requests have two signatures, with the new and the previous secret.
    """
    webhook_id = _find(session, webhook, team)
    rotated = session.api.post(f"/v1/webhooks/{segment(webhook_id)}/secret-rotation")
    session.output.show(rotated, rotated["secret"])
    session.output.note(f"✓ Replaced. It is not shown again. The previous secret counts until {rotated['previousSecretExpiresAt'][:16]} UTC.")
    session.output.next_step(f"capsule webhooks test {webhook_id}")


def event_types(session: Session) -> None:
    """List the events that a webhook can receive."""
    items = session.api.page("/v1/webhook-event-types")
    session.output.show(items, render.event_types(items))
    session.output.next_step("capsule webhooks add URL --event TYPE")


def _find(session: Session, text: str, team: str | None) -> str:
    query = of_team(session, team)
    return resolve_id("webhook", text, lambda: [str(each["id"]) for each in session.api.page("/v1/webhooks", **query)], hint="capsule webhooks list")
