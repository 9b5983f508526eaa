"""Record dead letters and evaluate the platform's rules.

A context publishes its count while it has dead letters, and whenever an operator has handled some. If its last count is lost, the alert resolves by
itself, as its rule says of windows without data: a count older than the window is ignored (on_alert_check_requested).
"""

from events.monitor import AlertFired, AlertResolved
from events.platform import DeadLettersCounted
from functions.kernel import Clock, Delayed, Done, Event, Scale, on
from functions.monitor.domain.alerts import evaluate, incident_of
from functions.monitor.domain.applications import PLATFORM
from functions.monitor.domain.dead_letters import waiting
from functions.monitor.domain.rules import OF_DEAD_LETTERS, presets
from functions.monitor.domain.sanitizing import bounded, plausible
from functions.monitor.domain.timers import AlertCheckRequested, AlertDeliveryRequested
from functions.monitor.ports import Alerts, DeadLetters, Rules


@on(emits=[AlertFired, AlertResolved, AlertCheckRequested, AlertDeliveryRequested], scale=Scale(max=1, pool=1))
async def on_dead_letters_counted(event: DeadLettersCounted, letters: DeadLetters, rules: Rules, alerts: Alerts, clock: Clock) -> Done[None]:
    now, context = clock.now(), bounded(event.context)
    counts = waiting(event, await letters.counted_in(context), now)
    await letters.add(context, counts, plausible(event.at, now))

    await rules.add_missing_presets(presets(PLATFORM.id, now))
    watched = {
        incident_of(rule, function): (rule, function)
        for rule in await rules.of([PLATFORM.id], OF_DEAD_LETTERS)
        for function in counts
        if rule.applies_to(function)
    }
    known = await alerts.lock(watched)
    messages: list[Event | Delayed] = []
    for incident, (rule, function) in sorted(watched.items()):
        changed, events = evaluate(known.get(incident), rule, function, rule.judge_dead_letters(counts[function], now), now)
        for alert in changed:
            await alerts.save(alert)
        messages += events
    return Done(None, *messages)
