"""Close the alerts of a deleted application.

Its logs stay readable to its owner until they expire.
"""

from events.deploy import ApplicationDeleted
from events.monitor import WebhookDeliveryRequested
from functions.kernel import Clock, Done, on
from functions.monitor.domain.applications import Application
from functions.monitor.ports import Alerts, Applications
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested])
async def on_application_deleted(
    event: ApplicationDeleted, applications: Applications, alerts: Alerts, dispatcher: WebhookDispatcher, clock: Clock
) -> Done[None]:
    await applications.keep([Application(event.application_id, event.user_id, event.name, deleted_at=event.at)])
    for alert in await alerts.open_of(event.application_id):
        alert.end(clock.now())
        await alerts.save(alert)
    return Done(None, *await dispatcher.dispatch(event.user_id, event, event.at))
