"""A webhook of a team: where events are sent to, which ones, and with which secrets they are signed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from events.monitor import WebhookDisabled
from functions.kernel import Events, FieldError, new_id
from functions.monitor.domain.rejections import InvalidEventTypes, WebhookIsDisabled
from functions.monitor.domain.webhook_events import ALL, PUBLIC_EVENTS
from functions.monitor.domain.webhook_url import address_of

MAX_WEBHOOKS = 20
"""Of a team."""
MAX_DESCRIPTION_LENGTH = 200
ROTATION_PERIOD = timedelta(hours=24)
"""How long requests are signed with a replaced secret too."""
FAILING_PERIOD = timedelta(days=5)
"""A webhook is disabled by the last attempt of a delivery if all attempts for so long have failed."""


class DisabledReason(StrEnum):
    BY_USER = "by-user"
    FAILING = "failing"
    GONE = "gone"
    """It answered 410."""


def check_event_types(event_types: Collection[str]) -> tuple[str, ...]:
    """Return them sorted, once each; `*` stands for all. Raises InvalidEventTypes."""
    if not event_types:
        raise InvalidEventTypes.of([FieldError("/eventTypes", f"name at least one event type, or {ALL} for all")])
    if unknown := sorted(set(event_types) - PUBLIC_EVENTS.keys() - {ALL}):
        known = ", ".join(sorted(PUBLIC_EVENTS))
        raise InvalidEventTypes.of([FieldError("/eventTypes", f"{each[:80]!r} is not an event type. Types: {known}, or {ALL}") for each in unknown])
    return (ALL,) if ALL in event_types else tuple(sorted(set(event_types)))


@dataclass(slots=True)
class Webhook:
    """Secrets are sealed. `previous_secret`: the one that `secret` replaced; `oldest_secret`: an earlier one, after two rotations within
    ROTATION_PERIOD. `user_id`: the team that owns it. `created_by`: who created it, None for one of an older release.
    `failing_since`: the first failed attempt after the last success, or after the URL was changed."""

    id: UUID
    user_id: UUID
    url: str
    event_types: tuple[str, ...]
    description: str
    secret: str = field(repr=False)
    created_at: datetime
    previous_secret: str | None = field(default=None, repr=False)
    previous_secret_expires_at: datetime | None = None
    oldest_secret: str | None = field(default=None, repr=False)
    oldest_secret_expires_at: datetime | None = None
    created_by: UUID | None = None
    failing_since: datetime | None = None
    disabled_at: datetime | None = None
    disabled_reason: DisabledReason | None = None

    @classmethod
    def create(
        cls, team_id: UUID, url: str, event_types: Collection[str], description: str, secret: str, at: datetime, created_by: UUID | None = None
    ) -> Self:
        """`url`: admitted by `WebhookPolicy`. Raises InvalidEventTypes."""
        return cls(new_id(), team_id, url, check_event_types(event_types), description, secret, at, created_by=created_by)

    @property
    def is_enabled(self) -> bool:
        return self.disabled_at is None

    def receives(self, event_type: str) -> bool:
        return self.is_enabled and (ALL in self.event_types or event_type in self.event_types)

    def require_enabled(self) -> None:
        """Raises WebhookIsDisabled."""
        if not self.is_enabled:
            raise WebhookIsDisabled.of(self.id, str(self.disabled_reason))

    def rotate(self, secret: str, at: datetime) -> None:
        """Sign with a new secret, and with the replaced one for ROTATION_PERIOD.

        A replaced secret stays valid until it expires, whatever is rotated meanwhile: it may be the only one that the receiver has.
        While two are, another rotation replaces the current secret at once.
        """
        match self._replaced_secrets(at):
            case []:
                self.previous_secret, self.previous_secret_expires_at = self.secret, at + ROTATION_PERIOD
                self.oldest_secret = self.oldest_secret_expires_at = None
            case [replaced]:
                self.oldest_secret, self.oldest_secret_expires_at = replaced
                self.previous_secret, self.previous_secret_expires_at = self.secret, at + ROTATION_PERIOD
        self.secret = secret

    def sealed_secrets(self, at: datetime) -> Sequence[str]:
        """The one to three secrets to sign with, the newest first."""
        return [self.secret, *(secret for secret, _ in self._replaced_secrets(at))]

    def _replaced_secrets(self, at: datetime) -> list[tuple[str, datetime]]:
        """The replaced secrets that are still valid, each with when it expires, the newest first."""
        replaced = ((self.previous_secret, self.previous_secret_expires_at), (self.oldest_secret, self.oldest_secret_expires_at))
        return [(secret, expires_at) for secret, expires_at in replaced if secret is not None and expires_at is not None and at < expires_at]

    def move(self, url: str) -> None:
        """Send to another URL, admitted by `WebhookPolicy`. Failures of the former one do not count for it."""
        if url != self.url:
            self.url, self.failing_since = url, None

    def enable(self) -> None:
        self.disabled_at = self.disabled_reason = self.failing_since = None

    def disable(self, at: datetime) -> None:
        """At the request of its user. Idempotent."""
        if self.is_enabled:
            self.disabled_at, self.disabled_reason = at, DisabledReason.BY_USER

    def record_success(self) -> None:
        self.failing_since = None

    def record_failure(self, at: datetime, *, is_gone: bool, is_last: bool) -> Events:
        """Record a failed attempt; disable the webhook if it is gone, or has failed for FAILING_PERIOD by the last attempt of a delivery."""
        self.failing_since = self.failing_since or at
        if not self.is_enabled or not (is_gone or (is_last and at - self.failing_since >= FAILING_PERIOD)):
            return ()
        self.disabled_at, self.disabled_reason = at, DisabledReason.GONE if is_gone else DisabledReason.FAILING
        return (WebhookDisabled(webhook_id=self.id, user_id=self.user_id, url=address_of(self.url), reason=self.disabled_reason, at=at),)
