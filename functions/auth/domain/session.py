"""A session: one signed-in device and its family of refresh tokens.

The tokens of a family have generations. A token of the newest generation rotates the family. A token of the previous
generation is accepted a few times for a few seconds, because two browser tabs may refresh at once or an answer may be
lost; it yields another token of the newest generation. Any older token counts as stolen and ends the session (RFC 9700,
4.14.2). The stored generation decides; the clock only closes the grace period.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from events.auth import SessionEnded, UserLoggedIn
from functions.auth.domain.rejections import SessionExpired
from functions.kernel import Client, Events, new_id

IDLE_TIMEOUT = timedelta(days=30)
MAX_LIFETIME = timedelta(days=180)
REUSE_GRACE = timedelta(seconds=10)
MAX_GRACE_USES = 3


class EndReason(StrEnum):
    LOGGED_OUT = "logged-out"
    REFRESH_TOKEN_REUSED = "refresh-token-reused"
    PASSWORD_CHANGED = "password-changed"
    EMAIL_CHANGED = "email-changed"
    ACCOUNT_DELETED = "account-deleted"


@dataclass(frozen=True, slots=True)
class Device:
    address: str
    user_agent: str

    @classmethod
    def of(cls, client: Client) -> "Device":
        return cls(client.address[:64], client.user_agent[:512])


@dataclass(slots=True)
class RefreshFamily:
    rotated_at: datetime
    generation: int = 1
    grace_uses: int = 0

    def accept(self, generation: int, now: datetime) -> bool:
        """Rotate the family, or use up one grace use. True: issue a token of the (new) newest generation. False: the token is reused."""
        if generation == self.generation:
            self.generation, self.rotated_at, self.grace_uses = self.generation + 1, now, 0
            return True
        is_in_grace = generation == self.generation - 1 and self.grace_uses < MAX_GRACE_USES and now - self.rotated_at <= REUSE_GRACE
        if is_in_grace:
            self.grace_uses += 1
        return is_in_grace


@dataclass(slots=True)
class Session:
    id: UUID
    user_id: UUID
    device: Device
    started_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    family: RefreshFamily
    ended_at: datetime | None = None
    end_reason: EndReason | None = None

    @classmethod
    def start(cls, user_id: UUID, device: Device, now: datetime) -> tuple["Session", Events]:
        session = cls(new_id(), user_id, device, now, now, now + IDLE_TIMEOUT, RefreshFamily(rotated_at=now))
        return session, (UserLoggedIn(user_id=user_id, session_id=session.id, at=now),)

    @property
    def generation(self) -> int:
        return self.family.generation

    def require_active(self, now: datetime) -> None:
        """Raises SessionExpired."""
        if not self.is_active(now):
            raise SessionExpired

    def is_active(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.expires_at

    def refresh(self, generation: int, device: Device, now: datetime) -> Events:
        """Extend the session with a refresh token of that generation, or end it if the token is reused.

        Returns `()`, or the event that ends the session. Raises SessionExpired.
        """
        self.require_active(now)
        if not self.family.accept(generation, now):
            return self.end(EndReason.REFRESH_TOKEN_REUSED, now)
        self.device, self.last_seen_at = device, now
        self.expires_at = min(now + IDLE_TIMEOUT, self.started_at + MAX_LIFETIME)
        return ()

    def end(self, reason: EndReason, now: datetime) -> Events:
        """Idempotent."""
        if self.ended_at is not None:
            return ()
        self.ended_at, self.end_reason = now, reason
        return (SessionEnded(session_id=self.id, user_id=self.user_id, reason=reason, at=now),)
