"""Evaluate the rules that fire when there is no data: nothing arrives that would evaluate them."""

from collections.abc import Sequence
from datetime import datetime

from functions.kernel import Delayed, Event
from functions.monitor.domain.alerts import evaluate, incident_of
from functions.monitor.ports import Alerts, Applications, Requests, Rules


async def evaluate_silence(rules: Rules, requests: Requests, alerts: Alerts, applications: Applications, now: datetime) -> Sequence[Event | Delayed]:
    """Return the events to publish. A rule is evaluated when its first window is over. Idempotent.

    The number of statements does not depend on the number of rules, as long as nothing changes: what changes is found without locks, and is
    locked and evaluated again.
    """
    found = {incident_of(rule, rule.environment): rule for rule in await rules.firing_without_data() if rule.environment is not None}
    owned = await applications.find_many({rule.application_id for rule in found.values()})
    watched = [
        (incident, rule, rule.environment)
        for incident, rule in sorted(found.items())
        if rule.environment is not None and now - rule.created_at >= rule.window
        if (application := owned.get(rule.application_id)) is not None and application.deleted_at is None
    ]
    health = await requests.health([(rule.application_id, environment, now - rule.window) for _, rule, environment in watched])
    judged = [(incident, rule, environment, rule.judge(each)) for (incident, rule, environment), each in zip(watched, health, strict=True)]

    unlocked = await alerts.open([incident for incident, _, _, _ in judged])
    moved = [
        (incident, rule, environment, observation)
        for incident, rule, environment, observation in judged
        if any(evaluate(unlocked.get(incident), rule, environment, observation, now))
    ]
    if not moved:
        return []
    known = await alerts.lock([incident for incident, _, _, _ in moved])
    messages: list[Event | Delayed] = []
    for incident, rule, environment, observation in moved:
        changed, events = evaluate(known.get(incident), rule, environment, observation, now)
        for alert in changed:
            await alerts.save(alert)
        messages += events
    return messages
