"""Passkeys (Web Authentication Level 3): a key pair of a user's device or password manager, of which Capsule has the public half.

A passkey that verifies its user (PIN, fingerprint) is the only factor of a sign-in, or takes the place of a code after the password. Challenges are
stored, used once and valid for CHALLENGE_LIFETIME.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from events.sign_in import PasskeyDeleted, PasskeyRegistered, PasskeyRenamed
from functions.auth.domain.session import Method
from functions.kernel import Events, new_id

CHALLENGE_LIFETIME = timedelta(minutes=5)
CHALLENGE_BYTES = 64
MAX_PASSKEYS = 20


class Purpose(StrEnum):
    REGISTRATION = "registration"
    LOGIN = "login"
    """As the only factor: the passkey names its user."""
    SECOND_FACTOR = "second-factor"
    """After the password of a known user."""


@dataclass(frozen=True, slots=True)
class PasskeyChallenge:
    """`user_id`: None for a sign-in without a password."""

    id: UUID
    purpose: Purpose
    user_id: UUID | None
    challenge: bytes = field(repr=False)
    expires_at: datetime

    @classmethod
    def new(cls, purpose: Purpose, user_id: UUID | None, now: datetime) -> "PasskeyChallenge":
        return cls(new_id(), purpose, user_id, secrets.token_bytes(CHALLENGE_BYTES), now + CHALLENGE_LIFETIME)

    def is_for(self, purpose: Purpose, now: datetime) -> bool:
        return self.purpose is purpose and now < self.expires_at


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """What a registration proves. `is_synced`: the key may be on several devices (backup eligible)."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_synced: bool


@dataclass(slots=True)
class Passkey:
    """`sign_count`: of the last sign-in; a key with a counter that does not grow may have been copied, and is refused. 0: it does not count."""

    id: UUID
    user_id: UUID
    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    is_synced: bool
    name: str
    created_at: datetime
    last_used_at: datetime | None = None

    @classmethod
    def register(cls, user_id: UUID, key: RegisteredKey, name: str, now: datetime) -> tuple["Passkey", Events]:
        passkey = cls(new_id(), user_id, key.credential_id, key.public_key, key.sign_count, key.is_synced, name, now)
        return passkey, (PasskeyRegistered(passkey_id=passkey.id, user_id=user_id, name=name, at=now),)

    @property
    def method(self) -> Method:
        """RFC 8176: a key that leaves its device counts as one in software."""
        return Method.SOFTWARE_KEY if self.is_synced else Method.HARDWARE_KEY

    def use(self, sign_count: int, now: datetime) -> None:
        self.sign_count, self.last_used_at = sign_count, now

    def rename(self, name: str, now: datetime) -> Events:
        if name == self.name:
            return ()
        self.name = name
        return (PasskeyRenamed(passkey_id=self.id, user_id=self.user_id, name=name, at=now),)

    def delete(self, now: datetime) -> Events:
        return (PasskeyDeleted(passkey_id=self.id, user_id=self.user_id, name=self.name, at=now),)
