"""Send a finished delivery again, with the same id and body."""

from uuid import UUID

from events.monitor import WebhookDeliveryRequested
from functions.kernel import Clock, Done, Model, Permission, Permit, Scale, command
from functions.monitor.domain.rejections import (
    TooManyPendingDeliveries,
    WebhookDeliveryIsPending,
    WebhookDeliveryNotFound,
    WebhookIsDisabled,
    WebhookNotFound,
)
from functions.monitor.domain.webhook_delivery import require_few_pending
from functions.monitor.domain.webhook_views import WebhookDeliveryAccepted
from functions.monitor.ports import WebhookDeliveries, WebhookStore
from functions.monitor.services.webhook_access import WebhookAccess


class RedeliverWebhook(Model):
    webhook_id: UUID
    delivery_id: UUID


@command(
    http="POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redelivery",
    permission=Permission.WEBHOOKS_MANAGE,
    status=202,
    rejects=[TooManyPendingDeliveries, WebhookDeliveryIsPending, WebhookDeliveryNotFound, WebhookIsDisabled, WebhookNotFound],
    emits=[WebhookDeliveryRequested],
    scale=Scale(max=2, pool=1),
)
async def redeliver_webhook(
    request: RedeliverWebhook, webhooks: WebhookStore, deliveries: WebhookDeliveries, access: WebhookAccess, permit: Permit, clock: Clock
) -> Done[WebhookDeliveryAccepted]:
    webhook = await webhooks.lock(await access.to_webhook(permit, request.webhook_id), request.webhook_id)
    webhook.require_enabled()
    require_few_pending(webhook, await deliveries.count_pending(webhook))
    delivery = await deliveries.lock(request.delivery_id)
    if delivery is None or delivery.webhook_id != webhook.id:
        raise WebhookDeliveryNotFound

    events = delivery.redeliver(clock.now())
    await deliveries.save(delivery)
    return Done(WebhookDeliveryAccepted(operation_id=delivery.id, delivery_id=delivery.id), *events)
