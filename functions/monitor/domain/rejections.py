"""Rejections of the monitor context. A resource of another user is answered like one that does not exist."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from functions.kernel import Conflict, FieldError, Invalid, NotFound, Unavailable


class ApplicationNotFound(NotFound):
    """No such application, or it is not yours."""

    @classmethod
    def deleted(cls, name: str, at: datetime) -> Self:
        return cls(f"Application {name} was deleted at {at:%Y-%m-%d %H:%M:%S} UTC. Its logs, metrics and alerts can only be read.")


class EnvironmentNotFound(NotFound):
    """The application has no such environment."""

    @classmethod
    def of(cls, application: str, name: str, existing: Iterable[str]) -> Self:
        return cls(f'Environment "{name}" of {application} does not exist. Existing environments: {", ".join(sorted(existing))}.')


class TimelineNotFound(NotFound):
    """No timeline for this correlation id."""


class BadRange(Invalid):
    """The time range does not fit its step."""


class BadSearch(Invalid):
    """The search cannot be parsed."""


class InvalidRule(Invalid):
    """The alert rule is not valid."""


class TooManyRules(Conflict):
    """The application has the maximum number of alert rules. Delete one first."""


class RuleNotFound(NotFound):
    """No such alert rule, or it is not yours."""


class AlertNotFound(NotFound):
    """No such alert, or it is not yours."""


class ChannelNotFound(NotFound):
    """No such webhook, or it is not yours."""


class TooManyChannels(Conflict):
    """The application has the maximum number of webhooks. Delete one first."""


class InvalidWebhook(Invalid):
    """The webhook URL is not valid."""


class TeamNotFound(NotFound):
    """No such team, or you are no member of it."""

    @classmethod
    def of(cls, team_id: UUID) -> Self:
        return cls(f"You are no member of a team {team_id}.")


class WebhookNotFound(NotFound):
    """No such webhook, or it is not yours."""

    @classmethod
    def of(cls, webhook_id: UUID) -> Self:
        return cls(f"There is no webhook {webhook_id}, or its team is not yours.")


class WebhookDeliveryNotFound(NotFound):
    """No such delivery of this webhook. Deliveries are kept for 30 days."""


class TooManyWebhooks(Conflict):
    """The team has the maximum number of webhooks. Delete one first."""


class InvalidEventTypes(Invalid):
    """Invalid event types."""

    @classmethod
    def of(cls, errors: Sequence[FieldError]) -> Self:
        return cls(" ".join(f"{each.detail}." for each in errors), errors=errors)


class WebhookIsDisabled(Conflict):
    """The webhook is disabled. Enable it first."""

    @classmethod
    def of(cls, webhook_id: UUID, reason: str) -> Self:
        return cls(f"Webhook {webhook_id} is disabled ({reason}). Enable it: capsule webhooks update {webhook_id} --enable")


class TooManyPendingDeliveries(Conflict):
    """The webhook has the maximum number of pending deliveries."""

    @classmethod
    def of(cls, webhook_id: UUID, pending: int) -> Self:
        return cls(f"Webhook {webhook_id} has {pending} pending deliveries. Wait until it has answered them, or disable it.")


class WebhookDeliveryIsPending(Conflict):
    """The delivery is not finished: its next attempt follows by itself."""

    @classmethod
    def of(cls, delivery_id: UUID, next_attempt_at: datetime | None) -> Self:
        at = f" at {next_attempt_at:%Y-%m-%d %H:%M:%S} UTC" if next_attempt_at else ""
        return cls(f"Delivery {delivery_id} is not finished: its next attempt follows by itself{at}.")


class OperationNotFound(NotFound):
    """There is no operation of monitor with this id, or you have no access to it."""

    @classmethod
    def of(cls, operation_id: UUID) -> Self:
        return cls(f"There is no operation {operation_id}. The id is `operationId` of a response 202.")


class QueuesUnavailable(Unavailable):
    """RabbitMQ's management API does not tell the numbers of its queues."""

    @classmethod
    def at(cls, address: str, cause: str, setting: str) -> Self:
        return cls(f"RabbitMQ's management API at {address} does not answer ({cause}). An operator names another address with {setting}.")
