"""Fire the alert of a schedule whose run has not come."""

from events.monitor import AlertFired, WebhookDeliveryRequested
from events.workloads import ScheduledRunMissed
from functions.kernel import Done, Order, Origin, Scale, on
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.services.schedule_alerts import ScheduleAlerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[AlertFired, AlertDeliveryRequested, WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_scheduled_run_missed(
    event: ScheduledRunMissed, schedule_alerts: ScheduleAlerts, dispatcher: WebhookDispatcher, origin: Origin
) -> Done[None]:
    deliveries = await dispatcher.dispatch(event.user_id, event, event.at)
    summary = f"the run of the schedule {event.cron} in {event.environment} that was due at {event.expected_at:%Y-%m-%d %H:%M} UTC has not come"
    return Done(None, *await schedule_alerts.fire(event, summary, origin.correlation_id), *deliveries)
