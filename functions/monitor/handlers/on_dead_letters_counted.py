"""Dead letters of a context were counted: that is kept as a figure, and held against the platform's rules.

Contexts count while there are any, and when an operator has dealt with some. A last word that is lost ends by itself: a count that is too old tells
of nothing any more (on_alert_check_requested).
"""

from events.monitor import AlertFired, AlertResolved
from events.platform import DeadLettersCounted
from functions.kernel import Clock, Delayed, Done, Event, Scale, on
from functions.monitor.domain.alerts import incident_of, observed
from functions.monitor.domain.applications import PLATFORM
from functions.monitor.domain.dead_letters import waiting
from functions.monitor.domain.intake import bounded, plausible
from functions.monitor.domain.rules import OF_DEAD_LETTERS, presets
from functions.monitor.domain.timers import AlertCheckRequested, AlertDeliveryRequested
from functions.monitor.ports import Alerts, DeadLetters, Rules


@on(emits=[AlertFired, AlertResolved, AlertCheckRequested, AlertDeliveryRequested], scale=Scale(max=1, pool=1))
async def on_dead_letters_counted(event: DeadLettersCounted, letters: DeadLetters, rules: Rules, alerts: Alerts, clock: Clock) -> Done[None]:
    now, context = clock.now(), bounded(event.context)
    counts = waiting(event, await letters.counted_in(context), now)
    await letters.add(context, counts, plausible(event.at, now))

    await rules.keep_presets(presets(PLATFORM.id, now))
    concerned = {
        incident_of(rule, function): (rule, function)
        for rule in await rules.of([PLATFORM.id], OF_DEAD_LETTERS)
        for function in counts
        if rule.concerns(function)
    }
    known = await alerts.hold(concerned)
    said: list[Event | Delayed] = []
    for incident, (rule, function) in sorted(concerned.items()):
        moved, told = observed(known.get(incident), rule, function, rule.breach_of(counts[function], now), now)
        for alert in moved:
            await alerts.save(alert)
        said += told
    return Done(None, *said)
