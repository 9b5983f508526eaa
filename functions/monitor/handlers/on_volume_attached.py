"""Tell webhooks that a volume is attached."""

from events.monitor import WebhookDeliveryRequested
from events.volumes import VolumeAttached
from functions.kernel import Done, Order, Scale, on
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_volume_attached(event: VolumeAttached, dispatcher: WebhookDispatcher) -> Done[None]:
    return Done(None, *await dispatcher.dispatch(event.user_id, event, event.at))
