"""Resolve the alert about backups, and tell webhooks."""

from events.backups import BackupVerified
from events.monitor import AlertResolved, WebhookDeliveryRequested
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.domain.alerts import incident_of_backups
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.services.incident_alerts import IncidentAlerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[AlertResolved, AlertDeliveryRequested, WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_backup_verified(event: BackupVerified, alerts: IncidentAlerts, dispatcher: WebhookDispatcher, clock: Clock) -> Done[None]:
    deliveries = await dispatcher.dispatch(event.user_id, event, event.at)
    return Done(None, *await alerts.resolve(incident_of_backups(event.service_id), event.at, clock.now()), *deliveries)
