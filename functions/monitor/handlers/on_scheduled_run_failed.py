"""Fire the alert of a schedule whose run failed."""

from events.monitor import AlertFired, WebhookDeliveryRequested
from events.workloads import ScheduledRunFailed
from functions.kernel import Done, Order, Origin, Scale, on
from functions.monitor.domain.alerts import incident_of_schedule
from functions.monitor.domain.rules import RuleKind
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.services.incident_alerts import IncidentAlerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[AlertFired, AlertDeliveryRequested, WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_scheduled_run_failed(event: ScheduledRunFailed, alerts: IncidentAlerts, dispatcher: WebhookDispatcher, origin: Origin) -> Done[None]:
    deliveries = await dispatcher.dispatch(event.user_id, event, event.at)
    outcome = f"failed with exit code {event.exit_code}" if event.exit_code is not None else f"failed: {event.detail}"
    summary = f"the run of the schedule {event.cron} in {event.environment} {outcome}"
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
