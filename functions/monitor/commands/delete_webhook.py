"""Delete a webhook with its deliveries."""

from uuid import UUID

from functions.kernel import Change, Done, Model, Permission, Permit, Scale, command
from functions.monitor.domain.rejections import WebhookNotFound
from functions.monitor.domain.webhook_url import address_of
from functions.monitor.ports import WebhookStore
from functions.monitor.services.webhook_access import WebhookAccess


class DeleteWebhook(Model):
    webhook_id: UUID


@command(
    http="DELETE /v1/webhooks/{webhook_id}",
    permission=Permission.WEBHOOKS_MANAGE,
    status=204,
    rejects=[WebhookNotFound],
    scale=Scale(max=2, pool=1),
)
async def delete_webhook(request: DeleteWebhook, webhooks: WebhookStore, access: WebhookAccess, permit: Permit) -> Done[None]:
    webhook = await webhooks.lock(await access.to_webhook(permit, request.webhook_id), request.webhook_id)
    await webhooks.delete(webhook)
    return Done(None, change=Change(before={"url": address_of(webhook.url), "event_types": list(webhook.event_types)}))
