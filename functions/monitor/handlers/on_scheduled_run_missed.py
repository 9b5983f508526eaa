"""Fire the alert of a schedule whose run has not come."""

from events.monitor import AlertFired, WebhookDeliveryRequested
from events.workloads import ScheduledRunMissed
from functions.kernel import Done, Order, Origin, Scale, on
from functions.monitor.domain.alerts import incident_of_schedule
from functions.monitor.domain.rules import RuleKind
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.services.incident_alerts import IncidentAlerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[AlertFired, AlertDeliveryRequested, WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_scheduled_run_missed(event: ScheduledRunMissed, alerts: IncidentAlerts, dispatcher: WebhookDispatcher, origin: Origin) -> Done[None]:
    deliveries = await dispatcher.dispatch(event.user_id, event, event.at)
    summary = f"the run of the schedule {event.cron} in {event.environment} that was due at {event.expected_at:%Y-%m-%d %H:%M} UTC has not come"
    messages = await alerts.fire(
        RuleKind.SCHEDULED_RUN_FAILED,
        incident_of_schedule(event.schedule_id),
        event.application_id,
        event.environment,
        summary,
        correlation_id=origin.correlation_id,
        at=event.at,
    )
    return Done(None, *messages, *deliveries)
