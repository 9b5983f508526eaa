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
from functions.auth.domain.access_grant import AccessGrant
from functions.auth.domain.rejections import (
    SessionExpired,
)
from functions.kernel import Client, Events, new_id

REUSE_GRACE = timedelta(seconds=10)
MAX_GRACE_USES = 3


class EndReason(StrEnum):
    LOGGED_OUT = "logged-out"
    REFRESH_TOKEN_REUSED = "refresh-token-reused"
    PASSWORD_CHANGED = "password-changed"
    EMAIL_CHANGED = "email-changed"
    ACCOUNT_DELETED = "account-deleted"
    REVOKED = "revoked"
    SECOND_FACTOR_ENABLED = "second-factor-enabled"
    SUSPENDED = "suspended"
    SECOND_FACTOR_REMOVED = "second-factor-removed"
    """By an administrator, for a user who has lost it."""
    TOKEN_REVOKED = "token-revoked"
    """Of an API token, whose id its access tokens carry in place of a session's."""


class Method(StrEnum):
    """How the user of a session proved their identity: values of the claim `amr` (RFC 8176)."""

    PASSWORD = "pwd"
    CODE = "otp"
    """A code of the second factor, or a recovery code."""
    HARDWARE_KEY = "hwk"
    SOFTWARE_KEY = "swk"
    USER_VERIFIED = "user"
    """Beside a key: its device verified the user (PIN, fingerprint) before it signed. RFC 8176 says presence test; the key needs both."""
    PROVIDER = "fed"
    """An identity at a provider. RFC 8176 registers no value for it; section 2 allows others."""


@dataclass(frozen=True, slots=True)
class FirstStep:
    """Who has passed the first step of a sign-in, and how: with the password or with a provider."""

    user_id: UUID
    method: Method

    @property
    def may_grant_administrator(self) -> bool:
        """Whoever runs a provider can sign in as its users: only the password makes an administrator."""
        return self.method is Method.PASSWORD


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """`idle_timeout`: from the last refresh. `max_lifetime`: from the sign-in. Both take effect at the next refresh."""

    idle_timeout: timedelta = timedelta(days=30)
    max_lifetime: timedelta = timedelta(days=180)

    def expiry(self, started_at: datetime, now: datetime) -> datetime:
        return min(now + self.idle_timeout, started_at + self.max_lifetime)


@dataclass(frozen=True, slots=True)
class Device:
    address: str
    user_agent: str

    @classmethod
    def of(cls, client: Client) -> "Device":
        return cls(client.address[:64], client.user_agent[:512])


DEFAULT_LIMITS = SessionLimits()
WITH_PROVIDER = frozenset({Method.PROVIDER})
PASSWORD_ONLY = frozenset({Method.PASSWORD})
WITH_CODE = frozenset({Method.PASSWORD, Method.CODE})


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
    """`authenticated_at`, `methods`: when and how the user last proved their identity in this session."""

    id: UUID
    user_id: UUID
    device: Device
    started_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    family: RefreshFamily
    authenticated_at: datetime
    methods: frozenset[Method]
    ended_at: datetime | None = None
    end_reason: EndReason | None = None

    @classmethod
    def start(
        cls,
        user_id: UUID,
        device: Device,
        now: datetime,
        limits: SessionLimits = DEFAULT_LIMITS,
        methods: frozenset[Method] = PASSWORD_ONLY,
        authenticated_at: datetime | None = None,
    ) -> tuple["Session", Events]:
        """`authenticated_at`: earlier than now for a device that another session has approved, so that it is not recent."""
        proved_at = authenticated_at or now
        session = cls(new_id(), user_id, device, now, now, limits.expiry(now, now), RefreshFamily(rotated_at=now), proved_at, methods)
        return session, (UserLoggedIn(user_id=user_id, session_id=session.id, at=now),)

    @property
    def generation(self) -> int:
        return self.family.generation

    @property
    def grant(self) -> AccessGrant:
        return AccessGrant(self.id, self.authenticated_at, sorted(self.methods))

    def require_active(self, now: datetime) -> None:
        """Raises SessionExpired."""
        if not self.is_active(now):
            raise SessionExpired

    def is_active(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.expires_at

    def confirm_identity(self, methods: frozenset[Method], now: datetime) -> None:
        """The user has proved their identity again."""
        self.methods |= methods
        self.authenticated_at = now

    def refresh(self, generation: int, device: Device, now: datetime, limits: SessionLimits = DEFAULT_LIMITS) -> Events:
        """Extend the session with a refresh token of that generation, or end it if the token is reused.

        Returns `()`, or the event that ends the session. Raises SessionExpired.
        """
        self.require_active(now)
        if not self.family.accept(generation, now):
            return self.end(EndReason.REFRESH_TOKEN_REUSED, now)
        self.device, self.last_seen_at = device, now
        self.expires_at = limits.expiry(self.started_at, now)
        return ()

    def end(self, reason: EndReason, now: datetime) -> Events:
        """Idempotent."""
        if self.ended_at is not None:
            return ()
        self.ended_at, self.end_reason = now, reason
        return (SessionEnded(session_id=self.id, user_id=self.user_id, reason=reason, at=now),)
