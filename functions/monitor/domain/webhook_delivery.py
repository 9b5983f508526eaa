"""One event on its way to one webhook: attempts, retries, outcome.

The id is `webhook-id` of all attempts, so a receiver recognizes a repeated one. Retries follow the schedule that Standard
Webhooks recommends: about 28 hours in all.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from events.monitor import WebhookDeliveryRequested
from functions.kernel import Events, after, new_id
from functions.monitor.domain.notifications import DeliveryState
from functions.monitor.domain.rejections import TooManyPendingDeliveries, WebhookDeliveryIsPending
from functions.monitor.domain.webhook import Webhook
from functions.monitor.domain.webhook_events import TEST, WebhookPayload

RETRY_DELAYS = (
    *(timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=2), timedelta(hours=5), timedelta(hours=10), timedelta(hours=10)),
)
"""After the first attempt, the second …"""
MAX_RESPONSE_LENGTH = 500
MAX_PENDING = 500
"""Of one webhook. Above it, users can request no test and no redelivery."""


def require_few_pending(webhook: Webhook, pending: int) -> None:
    """Raises TooManyPendingDeliveries if the webhook has MAX_PENDING pending deliveries or more."""
    if pending >= MAX_PENDING:
        raise TooManyPendingDeliveries.of(webhook.id, pending)


@dataclass(slots=True)
class WebhookDelivery:
    """`retries`: of RETRY_DELAYS, since it was requested or sent again. `response`: to the last attempt, or why there was none."""

    id: UUID
    webhook_id: UUID
    payload: WebhookPayload
    created_at: datetime
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    retries: int = 0
    next_attempt_at: datetime | None = None
    response: str = ""
    finished_at: datetime | None = None
    version: int = 1
    """Grows with each change."""

    @classmethod
    def request(cls, webhook: Webhook, payload: WebhookPayload, at: datetime) -> tuple[Self, Events]:
        delivery = cls(new_id(), webhook.id, payload, at, next_attempt_at=at)
        return delivery, (delivery.next_request(),)

    def next_request(self) -> WebhookDeliveryRequested:
        return WebhookDeliveryRequested(delivery_id=self.id, attempt=self.attempts + 1)

    def is_due(self, attempt: int) -> bool:
        """Whether this attempt is the next one, and not made yet."""
        return self.state is DeliveryState.PENDING and attempt == self.attempts + 1

    def redeliver(self, at: datetime) -> Events:
        """Send it again, with all retries. Raises WebhookDeliveryIsPending."""
        if self.state is DeliveryState.PENDING:
            raise WebhookDeliveryIsPending.of(self.id, self.next_attempt_at)
        self.state, self.retries, self.next_attempt_at, self.finished_at = DeliveryState.PENDING, 0, at, None
        self.version += 1
        return (self.next_request(),)

    @property
    def is_last_attempt(self) -> bool:
        """A test has one attempt: its sender looks at the response, and sends another."""
        return self.payload.type == TEST or self.retries >= len(RETRY_DELAYS)

    def succeed(self, response: str, at: datetime) -> None:
        self._finish(DeliveryState.DELIVERED, response, at)

    def record_failure(self, response: str, at: datetime) -> Events:
        """Schedule the next attempt, or fail for good after the last one."""
        if self.is_last_attempt:
            self._finish(DeliveryState.FAILED, response, at)
            return ()
        delay = RETRY_DELAYS[self.retries]
        self.retries += 1
        self.attempts += 1
        self.version += 1
        self.response, self.next_attempt_at = response[:MAX_RESPONSE_LENGTH], at + delay
        return (after(delay, self.next_request()),)

    def postpone(self, delay: timedelta, at: datetime) -> Events:
        """Request the same attempt again after the delay."""
        self.next_attempt_at = at + delay
        self.version += 1
        return (after(delay, self.next_request()),)

    def abandon(self, reason: str, at: datetime) -> None:
        """Fail without another attempt."""
        self.state, self.response, self.next_attempt_at, self.finished_at = DeliveryState.FAILED, reason, None, at
        self.version += 1

    def _finish(self, state: DeliveryState, response: str, at: datetime) -> None:
        self.attempts += 1
        self.version += 1
        self.state, self.response, self.next_attempt_at, self.finished_at = state, response[:MAX_RESPONSE_LENGTH], None, at
