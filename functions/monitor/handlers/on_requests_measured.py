"""Counted requests of applications are kept as figures, told to billing as use as soon as it is known who pays, and held against the owner's rules.

Rules are looked at when requests arrive, and only where something may have moved: a request failed, an alert is open, or the rule is of latency. What
ends because no more requests come, a timer finds (on_alert_check_requested).
"""

from collections.abc import Sequence

from events.cluster import RequestsMeasured
from events.monitor import AlertFired, AlertResolved, UsageMeasured
from functions.kernel import Clock, Delayed, Done, Event, Order, Scale, on
from functions.monitor.domain.alerts import incident_of, observed
from functions.monitor.domain.intake import bounded, plausible
from functions.monitor.domain.labels import workload_of
from functions.monitor.domain.requests import Window
from functions.monitor.domain.rules import Rule, RuleKind
from functions.monitor.domain.timers import AlertCheckRequested, AlertDeliveryRequested
from functions.monitor.domain.usage import requested
from functions.monitor.ports import Alerts, Applications, Requests, Rules, UnownedUsage


@on(emits=[UsageMeasured, AlertFired, AlertResolved, AlertCheckRequested, AlertDeliveryRequested], order=Order.ANY, scale=Scale(max=3))
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

    uses = requested(windows)
    owners = await applications.lock_owners({use.application_id for use in uses})
    await unowned.hold([use for use in uses if use.application_id not in owners])
    told = [use.told(owners[use.application_id]) for use in uses if use.application_id in owners]
    return Done(None, *told, *await _watch(windows, rules, alerts, requests, clock))


async def _watch(windows: Sequence[Window], rules: Rules, alerts: Alerts, requests: Requests, clock: Clock) -> list[Event | Delayed]:
    seen = {(window.application_id, window.environment) for window in windows}
    failing = {(window.application_id, window.environment) for window in windows if window.status >= 500}
    watched: dict[str, tuple[Rule, str]] = {}
    for rule in await rules.of({application for application, _ in seen}, (RuleKind.ERROR_RATE, RuleKind.LATENCY)):
        for application, environment in seen:
            if rule.application_id == application and rule.concerns(environment):
                watched[incident_of(rule, environment)] = (rule, environment)
    known = await alerts.open(watched)
    suspected = {
        incident: (rule, environment)
        for incident, (rule, environment) in watched.items()
        if incident in known or rule.kind is RuleKind.LATENCY or (rule.application_id, environment) in failing
    }
    if not suspected:
        return []

    known, now = await alerts.hold(suspected), clock.now()
    said: list[Event | Delayed] = []
    for incident, (rule, environment) in sorted(suspected.items()):
        value = rule.breach(await requests.health(rule.application_id, environment, now - rule.window))
        moved, told = observed(known.get(incident), rule, environment, value, now)
        for alert in moved:
            await alerts.save(alert)
        said += told
    return said


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
