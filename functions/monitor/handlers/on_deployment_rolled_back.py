"""A deployment was rolled back: it is marked beside the figures, and its owner is told, if a rule of theirs says so.

The same deployment may have been stated as failed, too, before or after: that is one incident.
"""

from events.deploy import DeploymentRolledBack
from events.monitor import AlertFiring
from functions.kernel import Delayed, Done, Event, Origin, Scale, on
from functions.monitor.domain.alerts import Alert, incident_of_deployment
from functions.monitor.domain.deployments import NOBODYS_FAULT, rollback
from functions.monitor.domain.intake import bounded
from functions.monitor.domain.markers import Marker, MarkerKind
from functions.monitor.domain.rules import RuleKind, presets
from functions.monitor.domain.timers import NotificationDue
from functions.monitor.ports import Alerts, Markers, Rules


@on(emits=[AlertFiring, NotificationDue], scale=Scale(max=2, pool=2))
async def on_deployment_rolled_back(event: DeploymentRolledBack, markers: Markers, rules: Rules, alerts: Alerts, origin: Origin) -> Done[None]:
    marker = Marker(
        event.deployment_id, MarkerKind.ROLLED_BACK, event.application_id, event.environment, event.at, event.release_id, reason=bounded(event.reason)
    )
    await markers.add(marker)
    if event.reason in NOBODYS_FAULT:
        return Done(None)

    await rules.keep_presets(presets(event.application_id, event.at))
    await alerts.hold([incident_of_deployment(event.deployment_id)])
    said: list[Event | Delayed] = []
    for rule in await rules.of([event.application_id], [RuleKind.DEPLOYMENT_ROLLED_BACK]):
        if not rule.concerns(event.environment):
            continue
        alert = await alerts.of_deployment(event.deployment_id)
        if alert is None:
            alert, begun = Alert.of_deployment(
                rule,
                deployment_id=event.deployment_id,
                environment=event.environment,
                summary=rollback(event),
                correlation_id=origin.correlation_id,
                at=event.at,
            )
            said += begun
        else:
            alert.happened_also(rule, rollback(event))
        await alerts.save(alert)
    return Done(None, *said)
