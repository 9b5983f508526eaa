"""List the event types that a webhook can receive."""

from functions.kernel import ANYONE, Model, Page, Scale, query
from functions.monitor.domain.webhook_events import PUBLIC_EVENTS
from functions.monitor.domain.webhook_views import WebhookEventTypeView


class ListWebhookEventTypes(Model):
    pass


@query(http="GET /v1/webhook-event-types", allow=ANYONE, scale=Scale(max=2, pool=1))
async def webhook_event_types(request: ListWebhookEventTypes) -> Page[WebhookEventTypeView]:
    found = [(name, (event.__doc__ or "").strip().splitlines()[0]) for name, event in sorted(PUBLIC_EVENTS.items())]
    return Page(items=[WebhookEventTypeView(type=name, summary=summary) for name, summary in found])
