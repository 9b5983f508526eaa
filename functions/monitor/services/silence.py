"""Evaluate the rules that fire when there is no data: nothing arrives that would evaluate them."""

from collections.abc import Sequence
from datetime import datetime

from functions.kernel import Delayed, Event
from functions.monitor.domain.alerts import evaluate, incident_of
from functions.monitor.ports import Alerts, Applications, Requests, Rules


async def evaluate_silence(rules: Rules, requests: Requests, alerts: Alerts, applications: Applications, now: datetime) -> Sequence[Event | Delayed]:
    """Return the events to publish. A rule is evaluated when its first window is over. Idempotent."""
    watched = {incident_of(rule, rule.environment): rule for rule in await rules.firing_without_data() if rule.environment is not None}
    if not watched:
        return []
    known = await alerts.lock(watched)
    messages: list[Event | Delayed] = []
    for incident, rule in sorted(watched.items()):
        application = await applications.find(rule.application_id)
        if application is None or application.deleted_at is not None or rule.environment is None or now - rule.created_at < rule.window:
            continue
        observation = rule.judge(await requests.health(rule.application_id, rule.environment, now - rule.window))
        changed, events = evaluate(known.get(incident), rule, rule.environment, observation, now)
        for alert in changed:
            await alerts.save(alert)
        messages += events
    return messages
