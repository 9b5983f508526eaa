"""Send an event to the webhooks of a team: store a delivery for each that receives it, in the transaction of the event's handler."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Clock, Event, OutgoingMessage
from functions.monitor.domain.webhook_delivery import WebhookDelivery
from functions.monitor.domain.webhook_events import WebhookPayload
from functions.monitor.ports import WebhookDeliveries, WebhookStore


class WebhookDispatcher:
    def __init__(self, webhooks: WebhookStore, deliveries: WebhookDeliveries, clock: Clock) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._clock = clock

    async def dispatch(self, team_id: UUID, event: Event, at: datetime) -> list[OutgoingMessage]:
        """Return the requests of first attempts. `at`: when the event happened."""
        messages: list[OutgoingMessage] = []
        for webhook in await self._webhooks.list_receivers(team_id, event.type):
            delivery, requests = WebhookDelivery.request(webhook, WebhookPayload.of(event, at), self._clock.now())
            await self._deliveries.add(delivery)
            messages += requests
        return messages
