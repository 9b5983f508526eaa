"""Store the team that an application was moved to.

Logs, metrics, alerts, rules and channels belong to the application. Webhooks of both teams receive the event, also when
a newer one was here first.
"""

from events.deploy import ApplicationTransferred
from events.monitor import WebhookDeliveryRequested
from functions.kernel import Done, Order, on
from functions.monitor.domain.applications import Application
from functions.monitor.ports import Applications
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], order=Order.ANY)
async def on_application_transferred(event: ApplicationTransferred, applications: Applications, dispatcher: WebhookDispatcher) -> Done[None]:
    await applications.transfer(Application(event.application_id, event.user_id, event.name), event.at)
    teams = (event.former_user_id, event.user_id)
    return Done(None, *[each for team_id in teams for each in await dispatcher.dispatch(team_id, event, event.at)])
