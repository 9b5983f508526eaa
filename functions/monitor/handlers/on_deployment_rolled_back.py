"""Mark a rollback in the metrics and fire its alert."""

from events.deployments import DeploymentRolledBack
from events.monitor import AlertFired, MeasurementInterrupted, WebhookDeliveryRequested
from functions.kernel import Done, Origin, Scale, on
from functions.monitor.domain.alerts import incident_of_deployment
from functions.monitor.domain.deployments import EXPECTED_ENDINGS, alert_of_deployment
from functions.monitor.domain.markers import Marker, MarkerKind
from functions.monitor.domain.rules import RuleKind
from functions.monitor.domain.sanitizing import bounded
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.ports import Alerts, Applications, Markers, Rules
from functions.monitor.services.measurement import Measurement
from functions.monitor.services.preset_rules import store_presets
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[AlertFired, AlertDeliveryRequested, MeasurementInterrupted, WebhookDeliveryRequested], scale=Scale(max=2, pool=2))
async def on_deployment_rolled_back(
    event: DeploymentRolledBack,
    markers: Markers,
    applications: Applications,
    rules: Rules,
    alerts: Alerts,
    dispatcher: WebhookDispatcher,
    measurement: Measurement,
    origin: Origin,
) -> Done[None]:
    marker = Marker(
        event.deployment_id, MarkerKind.ROLLED_BACK, event.application_id, event.environment, event.at, event.release_id, reason=bounded(event.reason)
    )
    await markers.add(marker)
    others = [*await dispatcher.dispatch(event.user_id, event, event.at), *await measurement.after_deployment(event.reason, event.at)]
    if event.reason in EXPECTED_ENDINGS:
        return Done(None, *others)

    await store_presets(rules, applications, event.application_id, event.at)
    await alerts.lock([incident_of_deployment(event.deployment_id)])
    matching = await rules.of([event.application_id], [RuleKind.DEPLOYMENT_ROLLED_BACK])
    alert, messages = alert_of_deployment(event, await alerts.of_deployment(event.deployment_id), matching, origin.correlation_id)
    if alert is not None:
        await alerts.save(alert)
    return Done(None, *messages, *others)
