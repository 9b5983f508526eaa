"""Close the alert of a certificate, and tell webhooks."""

from events.domains import DomainRemoved
from events.monitor import WebhookDeliveryRequested
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.domain.alerts import incident_of_certificate
from functions.monitor.services.incident_alerts import IncidentAlerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_domain_removed(event: DomainRemoved, alerts: IncidentAlerts, dispatcher: WebhookDispatcher, clock: Clock) -> Done[None]:
    await alerts.close(incident_of_certificate(event.domain_id), clock.now())
    return Done(None, *await dispatcher.dispatch(event.user_id, event, event.at))
