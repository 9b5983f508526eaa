"""Learn the name of an environment."""

from events.deploy import EnvironmentCreated
from events.monitor import WebhookDeliveryRequested
from functions.kernel import Done, Order, Scale, on
from functions.monitor.ports import Applications
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_environment_created(event: EnvironmentCreated, applications: Applications, dispatcher: WebhookDispatcher) -> Done[None]:
    await applications.record_environment(event.application_id, event.environment, is_deleted=False, at=event.at)
    return Done(None, *await dispatcher.dispatch(event.user_id, event, event.at))
