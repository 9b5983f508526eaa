"""Fire the alert about failed backups, and tell webhooks."""

from events.backups import BackupFailed
from events.monitor import AlertFired, WebhookDeliveryRequested
from functions.kernel import Done, Order, Origin, Scale, on
from functions.monitor.domain.alerts import incident_of_backups
from functions.monitor.domain.rules import RuleKind
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.services.incident_alerts import IncidentAlerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher

STEPS = {"backup": "failed", "verification": "could not be verified"}
"""Step → what happened to the backup. A restore that fails is known to who requested it."""


@on(emits=[AlertFired, AlertDeliveryRequested, WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_backup_failed(event: BackupFailed, alerts: IncidentAlerts, dispatcher: WebhookDispatcher, origin: Origin) -> Done[None]:
    deliveries = await dispatcher.dispatch(event.user_id, event, event.at)
    if event.step not in STEPS:
        return Done(None, *deliveries)
    messages = await alerts.fire(
        RuleKind.BACKUP_FAILED,
        incident_of_backups(event.service_id),
        event.application_id,
        f"service {event.name}",
        f"the backup of the data service {event.name} {STEPS[event.step]}: {event.reason}",
        correlation_id=origin.correlation_id,
        at=event.at,
    )
    return Done(None, *messages, *deliveries)
