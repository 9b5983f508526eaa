"""A user account: address, password hash, roles, and whether the address is verified.

Anyone may register any address, so until it is verified the account belongs to nobody and its password opens nothing. Whoever
proves to read the address's e-mail sets the password. An account that nobody verifies is deleted after UNVERIFIED_LIFETIME.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from events.auth import (
    AccountDeletionRequested,
    AccountRestored,
    AdministratorGranted,
    EmailChanged,
    EmailVerified,
    PasswordChanged,
    UserCreated,
    UserDeleted,
    UserExpired,
    UserSuspended,
    UserUnsuspended,
)
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    AccountSuspended,
    UsedVerificationToken,
)
from functions.kernel import Events, new_id

UNVERIFIED_LIFETIME = timedelta(days=7)


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
    name: str = ""
    """To show; may be empty."""
    deletes_at: datetime | None = None
    """When the account is deleted, at the request of its user."""
    suspended_at: datetime | None = None
    suspension_reason: str = ""
    """For the user; empty if the account is not suspended."""
    has_password: bool = True
    """False for an account that a provider's sign-in created, until its user sets a password. Its hash is then of random bits."""
    deletion_requested_at: datetime | None = None
    """Null for a deletion that was requested before Capsule recorded it."""

    @classmethod
    def register(cls, email: Email, password_hash: str, now: datetime) -> tuple["User", Events]:
        user = cls(new_id(), email.address, password_hash, frozenset({Role.USER}), None, now, now)
        return user, (UserCreated(user_id=user.id, email=user.email, at=now),)

    @classmethod
    def register_verified(cls, email: Email, unknown_password_hash: str, name: str, now: datetime) -> tuple["User", Events]:
        """Register a user whose provider has verified the address."""
        user, events = cls.register(email, unknown_password_hash, now)
        verified = user.verify_email(unknown_password_hash, now)
        user.has_password, user.name = False, name
        return user, (*events, *verified)

    @property
    def is_verified(self) -> bool:
        return self.email_verified_at is not None

    def verify_email(self, password_hash: str, now: datetime) -> Events:
        """Hand the account to whoever proved the address: the password is theirs, whatever was chosen at registration.

        Raises UsedVerificationToken if the address is verified.
        """
        if self.email_verified_at is not None:
            raise UsedVerificationToken
        self.password_hash, self.has_password = password_hash, True
        self.email_verified_at = self.updated_at = now
        return (EmailVerified(user_id=self.id, email=self.email, at=now),)

    def grant_administrator(self, now: datetime) -> Events:
        """Make the owner of a verified address an administrator. Nothing happens if it is one already, or not verified."""
        if Role.ADMIN in self.roles or not self.is_verified:
            return ()
        self.roles, self.updated_at = self.roles | {Role.ADMIN}, now
        return (AdministratorGranted(user_id=self.id, email=self.email, at=now),)

    def change_password(self, password_hash: str, now: datetime) -> Events:
        self.password_hash, self.has_password, self.updated_at = password_hash, True, now
        return (PasswordChanged(user_id=self.id, email=self.email, at=now),)

    def reset_password(self, password_hash: str, now: datetime) -> Events:
        """Set the password of whoever reads the e-mail of the address, which verifies it too."""
        verified = () if self.is_verified else self.verify_email(password_hash, now)
        return (*verified, *self.change_password(password_hash, now))

    def change_email(self, email: str, now: datetime) -> Events:
        """Both addresses have confirmed the change."""
        former_email, self.email, self.updated_at = self.email, email, now
        return (EmailChanged(user_id=self.id, former_email=former_email, email=email, at=now),)

    def rename(self, name: str, now: datetime) -> None:
        self.name, self.updated_at = name, now

    @property
    def is_admin(self) -> bool:
        return Role.ADMIN in self.roles

    def require_not_suspended(self) -> None:
        """Raises AccountSuspended."""
        if self.suspended_at is not None:
            raise AccountSuspended(f"An administrator has suspended the account: {self.suspension_reason} Your applications keep running.")

    def suspend(self, reason: str, now: datetime) -> Events:
        """Refuse sign-ins until `unsuspend`. A second suspension replaces the reason."""
        self.suspended_at, self.suspension_reason, self.updated_at = self.suspended_at or now, reason, now
        return (UserSuspended(user_id=self.id, reason=reason, at=now),)

    def unsuspend(self, now: datetime) -> Events:
        """Allow sign-ins again. Idempotent."""
        if self.suspended_at is None:
            return ()
        self.suspended_at, self.suspension_reason, self.updated_at = None, "", now
        return (UserUnsuspended(user_id=self.id, at=now),)

    @property
    def deletion_id(self) -> UUID | None:
        """The id of the requested deletion: another one after the account was restored and its deletion requested again."""
        return None if self.deletes_at is None else uuid5(self.id, f"deletion at {self.deletes_at.astimezone(UTC).isoformat()}")

    def request_deletion(self, grace: timedelta, now: datetime) -> Events:
        """Delete the account after a grace period. A second request does not prolong it."""
        if self.deletes_at is not None:
            return ()
        self.deletes_at, self.deletion_requested_at, self.updated_at = now + grace, now, now
        return (AccountDeletionRequested(user_id=self.id, email=self.email, deletes_at=self.deletes_at, at=now),)

    def restore(self, now: datetime) -> Events:
        """Keep an account that was to be deleted. Idempotent."""
        if self.deletes_at is None:
            return ()
        self.deletes_at, self.deletion_requested_at, self.updated_at = None, None, now
        return (AccountRestored(user_id=self.id, email=self.email, at=now),)

    def delete(self, now: datetime) -> Events:
        """Return the event of the deletion of the account."""
        return (UserDeleted(user_id=self.id, at=now),)

    def expire(self, now: datetime) -> Events:
        """Return the events of the deletion of an account that nobody verified."""
        return (UserExpired(user_id=self.id, at=now), *self.delete(now))
