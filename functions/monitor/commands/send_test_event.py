"""Send a test event to a webhook, whatever types it receives.

Returns 202; the delivery shows the response. It is sent once, without retries.
"""

from uuid import UUID

from events.monitor import WebhookDeliveryRequested
from functions.kernel import Clock, Done, Model, Permission, Permit, Scale, command
from functions.monitor.domain.rejections import TooManyPendingDeliveries, WebhookIsDisabled, WebhookNotFound
from functions.monitor.domain.webhook_delivery import WebhookDelivery, require_few_pending
from functions.monitor.domain.webhook_events import TEST, WebhookPayload
from functions.monitor.domain.webhook_views import WebhookDeliveryAccepted
from functions.monitor.ports import WebhookDeliveries, WebhookStore
from functions.monitor.services.webhook_access import WebhookAccess


class SendTestEvent(Model):
    webhook_id: UUID


@command(
    http="POST /v1/webhooks/{webhook_id}/test",
    permission=Permission.WEBHOOKS_MANAGE,
    status=202,
    rejects=[TooManyPendingDeliveries, WebhookIsDisabled, WebhookNotFound],
    emits=[WebhookDeliveryRequested],
    scale=Scale(max=2, pool=1),
)
async def send_test_event(
    request: SendTestEvent, webhooks: WebhookStore, deliveries: WebhookDeliveries, access: WebhookAccess, permit: Permit, clock: Clock
) -> Done[WebhookDeliveryAccepted]:
    webhook = await webhooks.lock(await access.to_webhook(permit, request.webhook_id), request.webhook_id)
    webhook.require_enabled()
    require_few_pending(webhook, await deliveries.count_pending(webhook))

    now = clock.now()
    payload = WebhookPayload(type=TEST, timestamp=now, data={"webhookId": str(webhook.id)})
    delivery, events = WebhookDelivery.request(webhook, payload, now)
    await deliveries.add(delivery)
    return Done(WebhookDeliveryAccepted(operation_id=delivery.id, delivery_id=delivery.id), *events)
