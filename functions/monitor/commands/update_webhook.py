"""Update a webhook: URL, event types, description, state.

Omitted fields keep their value. `enabled: true` enables a webhook that was disabled because its deliveries failed.
An API token needs the scope `read` too: events contain what it allows to read.
"""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from functions.kernel import ONE_LINE, Change, Clock, Done, Model, Permission, Permit, Scale, Text, command, differences
from functions.monitor.domain.rejections import InvalidEventTypes, InvalidWebhook, WebhookNotFound
from functions.monitor.domain.webhook import MAX_DESCRIPTION_LENGTH, Webhook, check_event_types
from functions.monitor.domain.webhook_url import WebhookPolicy, address_of
from functions.monitor.domain.webhook_views import WebhookView
from functions.monitor.ports import WebhookStore
from functions.monitor.services.webhook_access import WebhookAccess, require_read_scope


class UpdateWebhook(Model):
    webhook_id: UUID
    url: Text | None = None
    event_types: Annotated[list[Text], Field(max_length=100)] | None = None
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION_LENGTH), ONE_LINE] | None = None
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
    require_read_scope(permit)
    before = _audited(webhook)

    if request.url is not None:
        webhook.move(policy.admit(request.url))
    if request.event_types is not None:
        webhook.event_types = check_event_types(request.event_types)
    if request.description is not None:
        webhook.description = request.description
    if request.enabled is True:
        webhook.enable()
    elif request.enabled is False:
        webhook.disable(clock.now())
    await webhooks.save(webhook)

    return Done(WebhookView.of(webhook), change=Change(*differences(before, _audited(webhook))))


def _audited(webhook: Webhook) -> dict[str, Any]:
    """Without path and query of the URL, which may be a password."""
    return {"url": address_of(webhook.url), "event_types": list(webhook.event_types), "enabled": webhook.is_enabled}
