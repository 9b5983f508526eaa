"""An alert's condition is looked at though no figures came: it may have lasted long enough to fire, or be over."""

from events.monitor import AlertFired, AlertResolved
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.domain.timers import AlertCheckRequested, AlertDeliveryRequested
from functions.monitor.ports import Alerts, DeadLetters, Requests, Rules


@on(emits=[AlertFired, AlertResolved, AlertCheckRequested, AlertDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_alert_check_requested(
    due: AlertCheckRequested, alerts: Alerts, rules: Rules, requests: Requests, letters: DeadLetters, clock: Clock
) -> Done[None]:
    alert = await alerts.get(due.alert_id)
    if alert is None:
        return Done(None)
    alert = (await alerts.hold([alert.incident])).get(alert.incident)
    if alert is None or alert.id != due.alert_id or alert.turn != due.turn:
        return Done(None)

    rule, now = await rules.get(alert.rule_id), clock.now()
    if rule is None:
        alert.end(now)
        await alerts.save(alert)
        return Done(None)
    if rule.kind.is_of_platform:
        value = rule.breach_of(await letters.last(alert.environment, now - rule.window), now)
    else:
        value = rule.breach(await requests.health(alert.application_id, alert.environment, now - rule.window))
    said = alert.observe(rule, value, now) or alert.check_again(rule)
    await alerts.save(alert)
    return Done(None, *said)
