"""Evaluate an alert at its timer, without new data."""

from events.monitor import AlertFired, AlertResolved
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.domain.timers import AlertCheckRequested, AlertDeliveryRequested
from functions.monitor.ports import Alerts, DeadLetters, Requests, Rules


@on(emits=[AlertFired, AlertResolved, AlertCheckRequested, AlertDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_alert_check_requested(
    event: AlertCheckRequested, alerts: Alerts, rules: Rules, requests: Requests, letters: DeadLetters, clock: Clock
) -> Done[None]:
    alert = await alerts.get(event.alert_id)
    if alert is None:
        return Done(None)
    alert = (await alerts.lock([alert.incident])).get(alert.incident)
    if alert is None or alert.id != event.alert_id or alert.state_version != event.state_version:
        return Done(None)

    rule, now = await rules.get(alert.rule_id), clock.now()
    if rule is None:
        alert.end(now)
        await alerts.save(alert)
        return Done(None)
    if rule.kind.is_of_platform:
        observation = rule.judge_dead_letters(await letters.last(alert.environment, now - rule.window), now)
    else:
        [health] = await requests.health([(alert.application_id, alert.environment, now - rule.window)])
        observation = rule.judge(health)
    messages = alert.observe(rule, observation, now) or alert.schedule_check(rule, observation)
    await alerts.save(alert)
    return Done(None, *messages)
