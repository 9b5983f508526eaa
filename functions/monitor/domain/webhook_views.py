"""How the API shows webhooks of teams and their deliveries."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.kernel import Model
from functions.monitor.domain.webhook import Webhook
from functions.monitor.domain.webhook_delivery import WebhookDelivery
from functions.monitor.domain.webhook_events import WebhookPayload


class WebhookView(Model):
    id: UUID
    team_id: UUID
    url: str
    event_types: list[str]
    """`*` for all."""
    description: str
    is_enabled: bool
    disabled_reason: str | None
    """`by-user`, `failing` (a delivery failed for good, and all attempts for five days before) or `gone` (it answered 410)."""
    disabled_at: datetime | None
    failing_since: datetime | None
    """The first failed attempt after the last success, or after the URL was changed."""
    previous_secret_expires_at: datetime | None
    """Until then, requests are signed with the secret before the last rotation too."""
    created_by: UUID | None
    """A user. `null`: created before Capsule recorded it."""
    created_at: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        return cls(
            id=webhook.id,
            team_id=webhook.user_id,
            url=webhook.url,
            event_types=list(webhook.event_types),
            description=webhook.description,
            is_enabled=webhook.is_enabled,
            disabled_reason=webhook.disabled_reason,
            disabled_at=webhook.disabled_at,
            failing_since=webhook.failing_since,
            previous_secret_expires_at=webhook.previous_secret_expires_at,
            created_by=webhook.created_by,
            created_at=webhook.created_at,
        )


class WebhookSecretView(Model):
    """`secret` is shown this once: with it the receiver checks signatures (standardwebhooks.com)."""

    id: UUID
    secret: str
    previous_secret_expires_at: datetime | None


class NewWebhookView(WebhookView):
    """`secret` is shown this once: with it the receiver checks signatures (standardwebhooks.com)."""

    secret: str


class WebhookDeliveryAccepted(Model):
    operation_id: UUID
    """The id of the delivery."""
    delivery_id: UUID


class WebhookDeliveryView(Model):
    id: UUID
    """`webhook-id` of all its attempts."""
    event_type: str
    state: str
    """`pending`, `delivered` or `failed`."""
    attempts: int
    response: str
    """Status line of the last response, or why there was none."""
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    payload: WebhookPayload
    """The body of the request."""

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> Self:
        return cls(
            id=delivery.id,
            event_type=delivery.payload.type,
            state=delivery.state,
            attempts=delivery.attempts,
            response=delivery.response,
            next_attempt_at=delivery.next_attempt_at,
            created_at=delivery.created_at,
            finished_at=delivery.finished_at,
            payload=delivery.payload,
        )


class WebhookEventTypeView(Model):
    type: str
    summary: str
