"""Allow alerts about backups again, and tell webhooks."""

from events.data_services import DataServiceRestored
from events.monitor import WebhookDeliveryRequested
from functions.kernel import Done, Order, Scale, on
from functions.monitor.domain.alerts import incident_of_backups
from functions.monitor.services.incident_alerts import IncidentAlerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_data_service_restored(event: DataServiceRestored, alerts: IncidentAlerts, dispatcher: WebhookDispatcher) -> Done[None]:
    await alerts.reopen(incident_of_backups(event.service_id))
    return Done(None, *await dispatcher.dispatch(event.user_id, event, event.at))
