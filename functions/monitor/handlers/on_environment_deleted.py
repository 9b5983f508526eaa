"""Close the alerts of a deleted environment."""

from events.deploy import EnvironmentDeleted
from events.monitor import WebhookDeliveryRequested
from functions.kernel import Clock, Done, Scale, on
from functions.monitor.ports import Alerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], scale=Scale(max=2, pool=2))
async def on_environment_deleted(event: EnvironmentDeleted, alerts: Alerts, dispatcher: WebhookDispatcher, clock: Clock) -> Done[None]:
    for alert in await alerts.open_of(event.application_id):
        if alert.environment == event.environment and alert.began_at <= event.at:
            alert.end(clock.now())
            await alerts.save(alert)
    return Done(None, *await dispatcher.dispatch(event.user_id, event, event.at))
