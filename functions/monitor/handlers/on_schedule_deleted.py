"""Close the alert of a deleted schedule."""

from events.workloads import ScheduleDeleted
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.domain.alerts import incident_of_schedule
from functions.monitor.services.incident_alerts import IncidentAlerts


@on(order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_schedule_deleted(event: ScheduleDeleted, alerts: IncidentAlerts, clock: Clock) -> Done[None]:
    await alerts.close(incident_of_schedule(event.schedule_id), clock.now())
    return Done(None)
