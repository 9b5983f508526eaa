"""Resolve the alert of a schedule whose run succeeded."""

from events.monitor import AlertResolved, WebhookDeliveryRequested
from events.workloads import ScheduledRunSucceeded
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.domain.alerts import incident_of_schedule
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.services.incident_alerts import IncidentAlerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[AlertResolved, AlertDeliveryRequested, WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_scheduled_run_succeeded(event: ScheduledRunSucceeded, alerts: IncidentAlerts, dispatcher: WebhookDispatcher, clock: Clock) -> Done[None]:
    deliveries = await dispatcher.dispatch(event.user_id, event, event.at)
    return Done(None, *await alerts.resolve(incident_of_schedule(event.schedule_id), event.at, clock.now()), *deliveries)
