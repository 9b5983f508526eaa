"""Opaque tokens: a prefix for secret scanners and 256 random bits. Only their hash is stored.

SHA-256 suffices for random tokens; argon2 is for passwords, which people choose.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from functions.auth.domain.rejections import (
    ExpiredLink,
    ExpiredVerificationToken,
    UsedLink,
    UsedVerificationToken,
)

REFRESH_PREFIX = "cpr_"
VERIFICATION_PREFIX = "cpv_"
CHALLENGE_PREFIX = "cpc_"
DEVICE_PREFIX = "cpd_"
CHALLENGE_LIFETIME = timedelta(minutes=5)
"""How long after the password the second factor may be entered."""
VERIFICATION_LIFETIME = timedelta(hours=24)
PASSWORD_RESET_LIFETIME = timedelta(hours=1)
RETENTION = timedelta(days=7)
"""Expired tokens and ended sessions are kept this long, so that an old link is reported as expired and not as unknown."""


@dataclass(frozen=True, slots=True)
class OpaqueToken:
    text: str = field(repr=False)

    @classmethod
    def for_refresh(cls) -> "OpaqueToken":
        return cls(REFRESH_PREFIX + secrets.token_urlsafe(32))

    @classmethod
    def for_device(cls) -> "OpaqueToken":
        return cls(DEVICE_PREFIX + secrets.token_urlsafe(32))

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()


class TokenPurpose(StrEnum):
    VERIFICATION = "verification"
    PASSWORD_RESET = "password-reset"


LIFETIMES = {TokenPurpose.VERIFICATION: VERIFICATION_LIFETIME, TokenPurpose.PASSWORD_RESET: PASSWORD_RESET_LIFETIME}


@dataclass(slots=True)
class VerificationToken:
    """The right to verify an address, or to set a new password, once. `id` is the intent of the e-mail that carries the token."""

    id: UUID
    user_id: UUID
    token_hash: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    purpose: TokenPurpose = TokenPurpose.VERIFICATION

    @classmethod
    def for_intent(
        cls, intent: UUID, user_id: UUID, token: OpaqueToken, now: datetime, purpose: TokenPurpose = TokenPurpose.VERIFICATION
    ) -> "VerificationToken":
        return cls(intent, user_id, token.hash, now, now + LIFETIMES[purpose], purpose=purpose)

    def require_valid(self, now: datetime) -> None:
        """Raises UsedVerificationToken or ExpiredVerificationToken; UsedLink or ExpiredLink for another purpose."""
        verifies = self.purpose is TokenPurpose.VERIFICATION
        if self.used_at is not None:
            raise UsedVerificationToken if verifies else UsedLink
        if now >= self.expires_at:
            raise ExpiredVerificationToken if verifies else ExpiredLink
