"""Close the alert of a deleted schedule."""

from events.workloads import ScheduleDeleted
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.services.schedule_alerts import ScheduleAlerts


@on(order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_schedule_deleted(event: ScheduleDeleted, schedule_alerts: ScheduleAlerts, clock: Clock) -> Done[None]:
    await schedule_alerts.close(event, clock.now())
    return Done(None)
