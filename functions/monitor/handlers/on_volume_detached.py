"""Tell webhooks that a volume is detached."""

from events.monitor import WebhookDeliveryRequested
from events.volumes import VolumeDetached
from functions.kernel import Done, Order, Scale, on
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_volume_detached(event: VolumeDetached, dispatcher: WebhookDispatcher) -> Done[None]:
    return Done(None, *await dispatcher.dispatch(event.user_id, event, event.at))
