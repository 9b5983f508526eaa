"""Send an event to the webhooks of a team: store a delivery for each that receives it, in the transaction of the event's handler."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from functions.kernel import Clock, Event, OutgoingMessage
from functions.monitor.domain.webhook import Webhook
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
        [messages] = await self.dispatch_all([(team_id, event, at)])
        return messages

    async def dispatch_all(self, events: Sequence[tuple[UUID, Event, datetime]]) -> list[list[OutgoingMessage]]:
        """As `dispatch`, for many events of one type: (team, event, when it happened). Returns the requests of each."""
        receivers = await self._webhooks.list_receivers({team_id for team_id, _, _ in events}, events[0][1].type)
        return [await self._request(event, at, [each for each in receivers if each.user_id == team_id]) for team_id, event, at in events]

    async def _request(self, event: Event, at: datetime, receivers: Sequence[Webhook]) -> list[OutgoingMessage]:
        messages: list[OutgoingMessage] = []
        for webhook in receivers:
            delivery, requests = WebhookDelivery.request(webhook, WebhookPayload.of(event, at), self._clock.now())
            await self._deliveries.add(delivery)
            messages += requests
        return messages
