"""Fire the alert of a certificate, and tell webhooks."""

from events.domains import DomainCertificateFailed
from events.monitor import AlertFired, WebhookDeliveryRequested
from functions.kernel import Done, Order, Origin, Scale, on
from functions.monitor.domain.alerts import incident_of_certificate
from functions.monitor.domain.rules import RuleKind
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.services.incident_alerts import IncidentAlerts
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher

MIN_FAILURES = 2
"""Renewals begin weeks before the end of a certificate. One that fails is tried again."""


@on(emits=[AlertFired, AlertDeliveryRequested, WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_domain_certificate_failed(
    event: DomainCertificateFailed, alerts: IncidentAlerts, dispatcher: WebhookDispatcher, origin: Origin
) -> Done[None]:
    deliveries = await dispatcher.dispatch(event.user_id, event, event.at)
    if event.expires_at is None or event.failures < MIN_FAILURES:  # who adds a domain waits for its first certificate
        return Done(None, *deliveries)
    until = f"{event.expires_at:%Y-%m-%d %H:%M} UTC"
    messages = await alerts.fire(
        RuleKind.CERTIFICATE_FAILED,
        incident_of_certificate(event.domain_id),
        event.application_id,
        event.environment,
        f"the certificate of {event.host} ends at {until} and was not renewed ({event.failures} attempts): {event.reason}",
        correlation_id=origin.correlation_id,
        at=event.at,
    )
    return Done(None, *messages, *deliveries)
