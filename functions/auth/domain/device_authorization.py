"""Sign-in of a device by a code that its user confirms in a browser (RFC 8628).

The device code is a secret of 256 bits; only its hash is stored. The user code is short because people type it: eight letters of
20, 34.5 bits (RFC 8628, 6.1). Guessing is limited (5.1): only a signed-in user can look a code up, and each wrong one counts as a failed login
of the address. The session that a device starts has the methods of the session that approved it, and is never recent: a user who is tricked into
confirming a code of somebody else gives access, but no sensitive actions. It starts only while the approving session is active.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from events.sign_in import DeviceAuthorizationDecided
from functions.auth.domain.session import Device, Method, Session
from functions.auth.domain.sign_in_rejections import (
    AccessDenied,
    AuthorizationPending,
    DecidedUserCode,
    ExpiredToken,
    SlowDown,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.kernel import RECENT_LOGIN, Events, Rejection, new_id

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Consonants without Y: no words, and no letter that looks like another or like a digit (RFC 8628, 6.1)."""
CODE_LENGTH = 8
LIFETIME = timedelta(minutes=10)
POLL_INTERVAL_SECONDS = 5
"""RFC 8628, 3.2: the default."""
SLOWER_SECONDS = 5
"""RFC 8628, 3.5: `slow_down` adds this to the interval."""
NOT_RECENT = timedelta(seconds=1)
"""How much older than RECENT_LOGIN the identity proof of a device is, at least."""
TOLERANCE = timedelta(seconds=1)
"""A poll may come this much early: networks delay one request more than the next."""


class Decision(StrEnum):
    APPROVED = "approved"
    DENIED = "denied"


def new_user_code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))


def parse_user_code(text: str) -> str:
    """A user code as people type it: any case, with spaces or dashes (RFC 8628, 6.1)."""
    return "".join(letter for letter in text.upper() if letter.isalnum())


def show_user_code(code: str) -> str:
    """`WDJB-MJHT`"""
    return f"{code[: CODE_LENGTH // 2]}-{code[CODE_LENGTH // 2 :]}"


@dataclass(slots=True)
class DeviceAuthorization:
    """`device`: that asks to sign in. `session_id`, `methods`: of the session that approved it. `authenticated_at`: of the session that the device
    starts. `redeemed_at`: when it did."""

    id: UUID
    device_code_hash: bytes
    user_code: str
    device: Device
    created_at: datetime
    expires_at: datetime
    interval_seconds: int = POLL_INTERVAL_SECONDS
    polled_at: datetime | None = None
    decision: Decision | None = None
    user_id: UUID | None = None
    session_id: UUID | None = None
    authenticated_at: datetime | None = None
    methods: frozenset[Method] = frozenset()
    redeemed_at: datetime | None = None

    @classmethod
    def begin(cls, device: Device, device_code: OpaqueToken, now: datetime) -> "DeviceAuthorization":
        return cls(new_id(), device_code.hash, new_user_code(), device, now, now + LIFETIME)

    def require_open(self, now: datetime) -> None:
        """Raises ExpiredToken, DecidedUserCode."""
        if now >= self.expires_at:
            raise ExpiredToken
        if self.decision is not None:
            raise DecidedUserCode

    def approve(self, session: Session, now: datetime) -> Events:
        """Let the device sign in as the user of this session. Raises ExpiredToken, DecidedUserCode."""
        self.require_open(now)
        self.session_id, self.methods = session.id, session.methods
        self.authenticated_at = min(session.authenticated_at, now - RECENT_LOGIN - NOT_RECENT)
        return self._decide(Decision.APPROVED, session.user_id, now)

    def deny(self, user_id: UUID, now: datetime) -> Events:
        """Raises ExpiredToken, DecidedUserCode."""
        self.require_open(now)
        return self._decide(Decision.DENIED, user_id, now)

    def poll(self, now: datetime) -> Rejection | None:
        """Record a poll of the device. Returns the answer until the device may sign in; None: it may, once."""
        if self.redeemed_at is not None or now >= self.expires_at:
            return ExpiredToken()
        is_early = self.polled_at is not None and now < self.polled_at + timedelta(seconds=self.interval_seconds) - TOLERANCE
        self.polled_at = now
        if is_early:
            self.interval_seconds += SLOWER_SECONDS
            return SlowDown(f"Poll every {self.interval_seconds} seconds from now on.", retry_after=self.interval_seconds)
        match self.decision:
            case None:
                return AuthorizationPending(retry_after=self.interval_seconds)
            case Decision.DENIED:
                return AccessDenied()
        self.redeemed_at = now
        return None

    def _decide(self, decision: Decision, user_id: UUID, now: datetime) -> Events:
        self.decision, self.user_id = decision, user_id
        return (
            DeviceAuthorizationDecided(
                authorization_id=self.id,
                user_id=user_id,
                is_approved=decision is Decision.APPROVED,
                address=self.device.address,
                user_agent=self.device.user_agent,
                at=now,
            ),
        )
