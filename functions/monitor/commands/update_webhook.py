"""Update a webhook: its URL, event types, description and state.

Omitted fields keep their value. `enabled: true` enables a webhook that was disabled because its deliveries failed.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.kernel import Change, Clock, Done, Model, Permission, Permit, Scale, Text, command, differences
from functions.monitor.domain.rejections import InvalidEventTypes, InvalidWebhook, WebhookNotFound
from functions.monitor.domain.webhook import MAX_DESCRIPTION_LENGTH, check_event_types
from functions.monitor.domain.webhook_url import WebhookPolicy
from functions.monitor.domain.webhook_views import WebhookView
from functions.monitor.ports import WebhookStore
from functions.monitor.services.webhook_access import WebhookAccess


class UpdateWebhook(Model):
    webhook_id: UUID
    url: Text | None = None
    event_types: Annotated[list[Text], Field(max_length=100)] | None = None
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION_LENGTH)] | None = None
    enabled: bool | None = None


@command(
    http="PATCH /v1/webhooks/{webhook_id}",
    permission=Permission.WEBHOOKS_MANAGE,
    rejects=[InvalidEventTypes, InvalidWebhook, WebhookNotFound],
    scale=Scale(max=2, pool=1),
)
async def update_webhook(
    request: UpdateWebhook, webhooks: WebhookStore, access: WebhookAccess, policy: WebhookPolicy, permit: Permit, clock: Clock
) -> Done[WebhookView]:
    webhook = await webhooks.lock(await access.to_webhook(permit, request.webhook_id), request.webhook_id)
    before = WebhookView.of(webhook).model_dump(mode="json")

    if request.url is not None:
        webhook.url = policy.admit(request.url)
    if request.event_types is not None:
        webhook.event_types = check_event_types(request.event_types)
    if request.description is not None:
        webhook.description = request.description
    if request.enabled is True:
        webhook.enable()
    elif request.enabled is False:
        webhook.disable(clock.now())
    await webhooks.save(webhook)

    view = WebhookView.of(webhook)
    return Done(view, change=Change(*differences(before, view.model_dump(mode="json"))))
