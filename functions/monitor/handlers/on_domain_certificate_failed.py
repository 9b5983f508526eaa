"""Tell webhooks that a certificate of a domain failed."""

from events.domains import DomainCertificateFailed
from events.monitor import WebhookDeliveryRequested
from functions.kernel import Done, Order, Scale, on
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_domain_certificate_failed(event: DomainCertificateFailed, dispatcher: WebhookDispatcher) -> Done[None]:
    return Done(None, *await dispatcher.dispatch(event.user_id, event, event.at))
