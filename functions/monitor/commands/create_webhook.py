"""Create a webhook that receives events of a team.

Requests are signed as standardwebhooks.com specifies. The secret is shown this once. An API token needs the scope `read` too:
events contain what it allows to read.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.kernel import ONE_LINE, Clock, Done, Model, Permission, Permit, Scale, Text, command
from functions.monitor.domain.notifications import new_secret
from functions.monitor.domain.rejections import InvalidEventTypes, InvalidWebhook, TeamNotFound, TooManyWebhooks
from functions.monitor.domain.webhook import MAX_DESCRIPTION_LENGTH, MAX_WEBHOOKS, Webhook
from functions.monitor.domain.webhook_url import WebhookPolicy
from functions.monitor.domain.webhook_views import NewWebhookView, WebhookView
from functions.monitor.ports import Vault, WebhookStore
from functions.monitor.services.webhook_access import WebhookAccess, require_read_scope


class CreateWebhook(Model):
    url: Text
    event_types: Annotated[list[Text], Field(max_length=100)]
    """Types of `GET /v1/webhook-event-types`, or `*` for all."""
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION_LENGTH), ONE_LINE] = ""
    team_id: UUID | None = None
    """Default: the personal team."""


@command(
    http="POST /v1/webhooks",
    permission=Permission.WEBHOOKS_MANAGE,
    status=201,
    rejects=[InvalidEventTypes, InvalidWebhook, TeamNotFound, TooManyWebhooks],
    scale=Scale(max=2, pool=1),
    has_secret_response=True,
)
async def create_webhook(
    request: CreateWebhook, webhooks: WebhookStore, access: WebhookAccess, policy: WebhookPolicy, vault: Vault, permit: Permit, clock: Clock
) -> Done[NewWebhookView]:
    checked = await access.to_team(permit, request.team_id)
    require_read_scope(permit)
    secret, url = new_secret(), policy.admit(request.url)
    webhook = Webhook.create(
        checked.team_id, url, request.event_types, request.description, vault.seal(secret), clock.now(), created_by=permit.caller.user_id
    )
    await webhooks.add(webhook, MAX_WEBHOOKS)

    return Done(NewWebhookView(**WebhookView.of(webhook).model_dump(), secret=secret))
