"""Mark a deployment in the metrics and resolve its alerts."""

from events.deployments import DeploymentSucceeded
from events.monitor import AlertResolved, WebhookDeliveryRequested
from functions.kernel import Clock, Done, OutgoingMessage, Scale, on
from functions.monitor.domain.markers import Marker, MarkerKind
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.ports import Alerts, Markers
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[AlertResolved, AlertDeliveryRequested, WebhookDeliveryRequested], scale=Scale(max=2, pool=2))
async def on_deployment_succeeded(
    event: DeploymentSucceeded, markers: Markers, alerts: Alerts, dispatcher: WebhookDispatcher, clock: Clock
) -> Done[None]:
    marker = Marker(event.deployment_id, MarkerKind.SUCCEEDED, event.application_id, event.environment, event.at, event.release_id)
    await markers.add(marker)

    messages: list[OutgoingMessage] = await dispatcher.dispatch(event.user_id, event, event.at)
    for alert in await alerts.open_of(event.application_id):
        of_an_earlier = alert.deployment_id is not None and alert.deployment_id != event.deployment_id and alert.began_at <= event.at
        if of_an_earlier and alert.environment == event.environment:
            messages += alert.resolve(clock.now())
            await alerts.save(alert)
    return Done(None, *messages)
