"""Record requests, publish usage and evaluate alert rules."""

from collections.abc import Sequence
from uuid import UUID

from events.cluster import RequestsMeasured
from events.monitor import AlertFired, AlertResolved, UsageMeasured
from functions.kernel import Clock, Delayed, Done, Event, Order, Scale, on
from functions.monitor.domain.alerts import evaluate, incident_of
from functions.monitor.domain.labels import workload_of
from functions.monitor.domain.requests import Window
from functions.monitor.domain.rules import Rule, RuleKind
from functions.monitor.domain.sanitizing import bounded, plausible
from functions.monitor.domain.timers import AlertCheckRequested, AlertDeliveryRequested
from functions.monitor.domain.usage import usage_of_requests
from functions.monitor.ports import Alerts, Applications, Requests, Rules, UnownedUsage


@on(
    emits=[UsageMeasured, AlertFired, AlertResolved, AlertCheckRequested, AlertDeliveryRequested], order=Order.ANY, scale=Scale(max=3, queue_depth=50)
)
async def on_requests_measured(
    event: RequestsMeasured,
    requests: Requests,
    applications: Applications,
    unowned: UnownedUsage,
    rules: Rules,
    alerts: Alerts,
    clock: Clock,
) -> Done[None]:
    windows = _windows_of_applications(event, clock)
    await requests.add(windows)

    usages = usage_of_requests(windows)
    known = await applications.lock_known({usage.application_id for usage in usages})
    await unowned.add([usage for usage in usages if usage.application_id not in known])
    measured = [usage.event(known[usage.application_id]) for usage in usages if usage.application_id in known]
    return Done(None, *measured, *await _evaluate_rules(windows, rules, alerts, requests, clock))


async def _evaluate_rules(windows: Sequence[Window], rules: Rules, alerts: Alerts, requests: Requests, clock: Clock) -> list[Event | Delayed]:
    served = {(window.application_id, window.environment) for window in windows}
    failing = {(window.application_id, window.environment) for window in windows if window.status >= 500}
    environments: dict[UUID, list[str]] = {}
    for application, environment in served:
        environments.setdefault(application, []).append(environment)
    watched: dict[str, tuple[Rule, str]] = {}
    for rule in await rules.of(environments, (RuleKind.ERROR_RATE, RuleKind.LATENCY)):
        for environment in environments[rule.application_id]:
            if rule.applies_to(environment):
                watched[incident_of(rule, environment)] = (rule, environment)
    known = await alerts.open(watched)
    suspected = {
        incident: (rule, environment)
        for incident, (rule, environment) in watched.items()
        if incident in known or rule.kind is RuleKind.LATENCY or (rule.application_id, environment) in failing
    }
    if not suspected:
        return []

    await rules.add_missing_presets([rule for rule, _ in suspected.values() if rule.preset])
    known, now = await alerts.lock(suspected), clock.now()
    messages: list[Event | Delayed] = []
    evaluated = sorted(suspected.items())
    health = await requests.health([(rule.application_id, environment, now - rule.window) for _, (rule, environment) in evaluated])
    for (incident, (rule, environment)), found in zip(evaluated, health, strict=True):
        changed, events = evaluate(known.get(incident), rule, environment, rule.judge(found), now)
        for alert in changed:
            await alerts.save(alert)
        messages += events
    return messages


def _windows_of_applications(event: RequestsMeasured, clock: Clock) -> list[Window]:
    now = clock.now()
    windows = []
    for window in event.windows:
        if (workload := workload_of(window.labels)) is not None and window.count > 0:
            begin = plausible(window.from_, now)
            windows.append(
                Window(
                    begin,
                    max(begin, plausible(window.to, now)),
                    workload.application_id,
                    workload.environment,
                    bounded(window.revision),
                    window.status,
                    window.count,
                    window.duration_ms_sum,
                    window.durations.buckets,
                )
            )
    return windows
