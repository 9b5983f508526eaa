"""Opaque tokens: a prefix that secret scanners know, 256 random bits, and only their hash is ever stored.

A plain SHA-256 is enough for what cannot be guessed; argon2 is for what people think up.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from functions.auth.domain.rejections import ExpiredVerificationToken, UsedVerificationToken

REFRESH_PREFIX = "cpr_"
VERIFICATION_PREFIX = "cpv_"
VERIFICATION_LIFETIME = timedelta(hours=24)
REMEMBERED = timedelta(days=7)  # after its end, so that an old link or session is told to be old, and not unknown


@dataclass(frozen=True, slots=True)
class OpaqueToken:
    text: str = field(repr=False)

    @classmethod
    def for_refresh(cls) -> "OpaqueToken":
        return cls(REFRESH_PREFIX + secrets.token_urlsafe(32))

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()


@dataclass(slots=True)
class VerificationToken:
    """The right to prove an address once. `id` is the intent it was minted for: the same intent mints the same token, so that a mail sent twice
    carries one link."""

    id: UUID
    user_id: UUID
    token_hash: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None

    @classmethod
    def minted(cls, intent: UUID, user_id: UUID, token: OpaqueToken, at: datetime) -> "VerificationToken":
        return cls(intent, user_id, token.hash, at, at + VERIFICATION_LIFETIME)

    def use(self, at: datetime) -> None:
        """Raises UsedVerificationToken or ExpiredVerificationToken."""
        if self.used_at is not None:
            raise UsedVerificationToken
        if at >= self.expires_at:
            raise ExpiredVerificationToken
        self.used_at = at
