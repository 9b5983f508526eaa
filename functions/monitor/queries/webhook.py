"""Show a webhook."""

from uuid import UUID

from functions.kernel import Model, Permission, Permit, Scale, query
from functions.monitor.domain.rejections import WebhookNotFound
from functions.monitor.domain.webhook_views import WebhookView
from functions.monitor.ports import WebhookStore
from functions.monitor.services.webhook_access import WebhookAccess


class ShowWebhook(Model):
    webhook_id: UUID


@query(http="GET /v1/webhooks/{webhook_id}", permission=Permission.WEBHOOKS_MANAGE, rejects=[WebhookNotFound], scale=Scale(max=2, pool=1))
async def webhook(request: ShowWebhook, webhooks: WebhookStore, access: WebhookAccess, permit: Permit) -> WebhookView:
    return WebhookView.of(await webhooks.get(await access.to_webhook(permit, request.webhook_id), request.webhook_id))
