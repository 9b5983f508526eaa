"""Send a resolved alert to the webhooks of its team."""

from events.monitor import AlertResolved, WebhookDeliveryRequested
from functions.kernel import Done, Order, Scale, on
from functions.monitor.ports import Applications
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=1))
async def on_alert_resolved(event: AlertResolved, applications: Applications, dispatcher: WebhookDispatcher) -> Done[None]:
    application = await applications.find(event.application_id)
    if application is None or application.is_platform:
        return Done(None)
    return Done(None, *await dispatcher.dispatch(application.user_id, event, event.at))
