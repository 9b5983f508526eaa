"""A user account: address, password hash, roles, and whether the address is verified."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from events.auth import EmailVerified, UserCreated
from functions.auth.domain.email import Email
from functions.kernel import Events, new_id


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"


@dataclass(slots=True)
class User:
    id: UUID
    email: str
    password_hash: str = field(repr=False)
    roles: frozenset[Role]
    email_verified_at: datetime | None
    registered_at: datetime
    updated_at: datetime
    version: int = 1

    @classmethod
    def register(cls, email: Email, password_hash: str, now: datetime) -> tuple["User", Events]:
        user = cls(new_id(), email.address, password_hash, frozenset({Role.USER}), None, now, now)
        return user, (UserCreated(user_id=user.id, email=user.email, at=now),)

    @property
    def is_verified(self) -> bool:
        return self.email_verified_at is not None

    def verify_email(self, now: datetime) -> Events:
        """Mark the address as verified. Idempotent."""
        if self.email_verified_at is not None:
            return ()
        self.email_verified_at = self.updated_at = now
        return (EmailVerified(user_id=self.id, email=self.email, at=now),)
