"""Notifications of alerts, webhooks and deliveries.

Webhooks are signed as standardwebhooks.com specifies: `webhook-id` (the delivery's, the same for every attempt), `webhook-timestamp`,
`webhook-signature: v1,<base64 of HMAC-SHA256 over id.timestamp.body>`. The key is the base64-decoded part of the secret after `whsec_`.
"""

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from functions.kernel import Model, new_id
from functions.monitor.domain.alerts import Alert, Notice
from functions.monitor.domain.applications import Application

MAX_CHANNELS = 10
SECRET = "whsec_"


class NotifiedAlert(Model):
    """An alert at the time of its notification."""

    alert_id: UUID
    kind: str
    environment: str
    state: str
    summary: str
    value: float | None
    threshold: float | None
    deployment_id: UUID | None
    correlation_id: str | None
    fired_at: datetime | None
    resolved_at: datetime | None
    occurrences: int

    @classmethod
    def of(cls, alert: Alert) -> Self:
        return cls(
            alert_id=alert.id,
            kind=alert.kind,
            environment=alert.environment,
            state=alert.state,
            summary=alert.summary,
            value=alert.value,
            threshold=alert.threshold,
            deployment_id=alert.deployment_id,
            correlation_id=alert.correlation_id,
            fired_at=alert.fired_at,
            resolved_at=alert.resolved_at,
            occurrences=alert.occurrences,
        )


class Notification(Model):
    """The body of a webhook, and the content of an e-mail. `type`: alert.fired, alert.resolved or alert.test."""

    type: str
    timestamp: datetime
    application_id: UUID
    application: str
    alerts: list[NotifiedAlert]


def notification(notice: Notice, application: Application, alerts: list[Alert], at: datetime) -> Notification:
    notified = [NotifiedAlert.of(alert) for alert in alerts]
    type = "alert.fired" if notice is Notice.FIRING else f"alert.{notice}"
    return Notification(type=type, timestamp=at, application_id=application.id, application=application.name, alerts=notified)


def new_secret() -> str:
    return f"{SECRET}{base64.b64encode(random.token_bytes(24)).decode()}"


@dataclass(frozen=True, slots=True)
class Channel:
    """`secret`: sealed. The API returns it once, when the webhook is created."""

    id: UUID
    application_id: UUID
    url: str
    secret: str = field(repr=False)
    created_at: datetime

    @classmethod
    def open(cls, application_id: UUID, url: str, secret: str, at: datetime) -> Self:
        """`url`: admitted by `WebhookPolicy`."""
        return cls(new_id(), application_id, url, secret, at)


def signature(secrets: Sequence[str], delivery_id: UUID, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: one signature for each secret, so that a receiver may know either during a rotation."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    keys = [base64.b64decode(secret.removeprefix(SECRET)) for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}" for key in keys)


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification to one recipient. `answer`: the last response."""

    id: UUID
    application_id: UUID
    channel_id: UUID | None
    target: str
    notice: Notice
    content: Notification
    created_at: datetime
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    answer: str = ""
    finished_at: datetime | None = None

    @classmethod
    def by_mail(cls, address: str, content: Notification, notice: Notice) -> Self:
        return cls(new_id(), content.application_id, None, address, notice, content, content.timestamp)

    @classmethod
    def to_webhook(cls, channel: Channel, content: Notification, notice: Notice) -> Self:
        return cls(new_id(), content.application_id, channel.id, channel.url, notice, content, content.timestamp)
