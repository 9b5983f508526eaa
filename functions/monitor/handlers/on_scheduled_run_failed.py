"""Send the webhooks of a run of a schedule that has failed."""

from events.deploy import ScheduledRunFailed
from events.monitor import WebhookDeliveryRequested
from functions.kernel import Done, Order, Scale, on
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_scheduled_run_failed(event: ScheduledRunFailed, dispatcher: WebhookDispatcher) -> Done[None]:
    return Done(None, *await dispatcher.dispatch(event.user_id, event, event.at))
