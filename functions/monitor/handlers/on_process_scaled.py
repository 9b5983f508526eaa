"""Tell webhooks that autoscaling has changed instances."""

from events.monitor import WebhookDeliveryRequested
from events.workloads import ProcessScaled
from functions.kernel import Done, Order, Scale, on
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_process_scaled(event: ProcessScaled, dispatcher: WebhookDispatcher) -> Done[None]:
    return Done(None, *await dispatcher.dispatch(event.user_id, event, event.at))
