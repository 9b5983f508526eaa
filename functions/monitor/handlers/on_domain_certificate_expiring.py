"""Fire the alert of an ending certificate, and tell webhooks."""

from events.domains import DomainCertificateExpiring
from events.monitor import AlertFired, WebhookDeliveryRequested
from functions.kernel import Done, Order, Origin, Scale, on
from functions.monitor.domain.alerts import incident_of_certificate
from functions.monitor.domain.rules import RuleKind
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.services.incident_alerts import IncidentAlerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[AlertFired, AlertDeliveryRequested, WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_domain_certificate_expiring(
    event: DomainCertificateExpiring, alerts: IncidentAlerts, dispatcher: WebhookDispatcher, origin: Origin
) -> Done[None]:
    messages = await alerts.fire(
        RuleKind.CERTIFICATE_FAILED,
        incident_of_certificate(event.domain_id),
        event.application_id,
        event.environment,
        f"the certificate of {event.host} that you uploaded ends at {event.expires_at:%Y-%m-%d %H:%M} UTC: upload the next one",
        correlation_id=origin.correlation_id,
        at=event.at,
    )
    return Done(None, *messages, *await dispatcher.dispatch(event.user_id, event, event.at))
