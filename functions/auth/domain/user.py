"""A user account: address, password hash, roles, and whether the address is verified."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from functions.auth.domain.email import Email
from functions.kernel import new_id


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
    def register(cls, email: Email, password_hash: str, now: datetime) -> "User":
        return cls(new_id(), email.address, password_hash, frozenset({Role.USER}), None, now, now)

    @property
    def is_verified(self) -> bool:
        return self.email_verified_at is not None

    def verify_email(self, now: datetime) -> None:
        """Mark the address as verified. Idempotent."""
        if self.email_verified_at is None:
            self.email_verified_at = now
            self.updated_at = now
