"""Fire the alert of a schedule whose run failed."""

from events.monitor import AlertFired, WebhookDeliveryRequested
from events.workloads import ScheduledRunFailed
from functions.kernel import Done, Order, Origin, Scale, on
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.services.schedule_alerts import ScheduleAlerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[AlertFired, AlertDeliveryRequested, WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_scheduled_run_failed(
    event: ScheduledRunFailed, schedule_alerts: ScheduleAlerts, dispatcher: WebhookDispatcher, origin: Origin
) -> Done[None]:
    deliveries = await dispatcher.dispatch(event.user_id, event, event.at)
    outcome = f"failed with exit code {event.exit_code}" if event.exit_code is not None else f"failed: {event.detail}"
    summary = f"the run of the schedule {event.cron} in {event.environment} {outcome}"
    return Done(None, *await schedule_alerts.fire(event, summary, origin.correlation_id), *deliveries)
