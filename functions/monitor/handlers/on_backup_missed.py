"""Fire the alert about missed backups, and tell webhooks."""

from events.backups import BackupMissed
from events.monitor import AlertFired, WebhookDeliveryRequested
from functions.kernel import Done, Order, Origin, Scale, on
from functions.monitor.domain.alerts import incident_of_backups
from functions.monitor.domain.rules import RuleKind
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.services.incident_alerts import IncidentAlerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[AlertFired, AlertDeliveryRequested, WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_backup_missed(event: BackupMissed, alerts: IncidentAlerts, dispatcher: WebhookDispatcher, origin: Origin) -> Done[None]:
    deliveries = await dispatcher.dispatch(event.user_id, event, event.at)
    messages = await alerts.fire(
        RuleKind.BACKUP_FAILED,
        incident_of_backups(event.service_id),
        event.application_id,
        f"service {event.name}",
        f"the backup of the data service {event.name} that was due at {event.expected_at:%Y-%m-%d %H:%M} UTC has not come: {event.reason}",
        correlation_id=origin.correlation_id,
        at=event.at,
    )
    return Done(None, *messages, *deliveries)
