"""Close alerts and delete rules of a deleted environment.

A rule that fires without data would fire again and again. Another environment of the same name, created later, has none of these rules.
"""

from events.deploy import EnvironmentDeleted
from events.monitor import WebhookDeliveryRequested
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.ports import Alerts, Applications, Rules
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_environment_deleted(
    event: EnvironmentDeleted, applications: Applications, rules: Rules, alerts: Alerts, dispatcher: WebhookDispatcher, clock: Clock
) -> Done[None]:
    await applications.lock([event.application_id])  # a rule that is created now is deleted here, or refused
    await applications.record_environment(event.application_id, event.environment, is_deleted=True, at=event.at)
    for rule in await rules.of([event.application_id]):
        if rule.environment == event.environment and rule.created_at <= event.at:
            await rules.delete(rule.id, event.at)
    for alert in await alerts.open_of(event.application_id):
        if alert.environment == event.environment and alert.began_at <= event.at:
            alert.end(clock.now())
            await alerts.save(alert)
    return Done(None, *await dispatcher.dispatch(event.user_id, event, event.at))
