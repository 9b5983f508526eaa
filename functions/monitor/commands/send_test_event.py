"""Send a test event to a webhook, whatever types it receives.

Returns 202; the delivery shows the response.
"""

from uuid import UUID

from events.monitor import WebhookDeliveryRequested
from functions.kernel import Clock, Done, Model, Permission, Permit, Scale, command
from functions.monitor.domain.rejections import WebhookIsDisabled, WebhookNotFound
from functions.monitor.domain.webhook_delivery import WebhookDelivery
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
    rejects=[WebhookIsDisabled, WebhookNotFound],
    emits=[WebhookDeliveryRequested],
    scale=Scale(max=2, pool=1),
)
async def send_test_event(
    request: SendTestEvent, webhooks: WebhookStore, deliveries: WebhookDeliveries, access: WebhookAccess, permit: Permit, clock: Clock
) -> Done[WebhookDeliveryAccepted]:
    webhook = await webhooks.get(await access.to_webhook(permit, request.webhook_id), request.webhook_id)
    webhook.require_enabled()

    now = clock.now()
    payload = WebhookPayload(type=TEST, timestamp=now, data={"webhookId": str(webhook.id)})
    delivery, events = WebhookDelivery.request(webhook, payload, now)
    await deliveries.add(delivery)
    return Done(WebhookDeliveryAccepted(delivery_id=delivery.id), *events)
