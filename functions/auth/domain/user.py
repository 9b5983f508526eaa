"""A user: an address, the hash of a password, roles, and whether the address is known to be theirs."""

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
    def register(cls, email: Email, password_hash: str, at: datetime) -> "User":
        return cls(new_id(), email.address, password_hash, frozenset({Role.USER}), None, at, at)

    @property
    def is_verified(self) -> bool:
        return self.email_verified_at is not None

    def verify_email(self, at: datetime) -> None:
        """Whoever reads the mail of the address owns the account. A second time changes nothing."""
        if self.email_verified_at is None:
            self.email_verified_at = at
            self.updated_at = at
