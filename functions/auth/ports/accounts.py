"""Users, their registration, verification, addresses and deletion."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from functions.auth.domain.email import Email
from functions.auth.domain.email_change import EmailChange
from functions.auth.domain.registration import Registration, Stage
from functions.auth.domain.tokens import OpaqueToken, TokenPurpose, VerificationToken
from functions.auth.domain.user import User


class EmailTaken(Exception):
    """Another account has this address."""


class Users(Protocol):
    async def add(self, user: User) -> None:
        """Insert the user. Raises EmailTaken; the transaction stays usable."""
        ...

    async def get(self, user_id: UUID) -> User | None: ...

    async def list_by_id(self, user_ids: Sequence[UUID]) -> Sequence[User]:
        """Those of these users that exist, each once, in any order."""
        ...

    async def lock(self, user_id: UUID) -> User | None:
        """`get`, with the row locked until the transaction ends: what the user does is counted one after another. Locked before a team."""
        ...

    async def get_by_email(self, email: Email) -> User | None: ...

    async def lock_unchanged(self, user: User) -> None:
        """Lock the row until the transaction ends, so that nobody changes the user meanwhile. Others may hold the same lock.

        Raises Transient if the row has changed since it was read.
        """
        ...

    async def list_verified_admins(self, *, lock: bool = False) -> Sequence[User]:
        """Administrators with a verified address. `lock`: their rows, until the transaction ends."""
        ...

    async def list_page(self, text: str, *, is_suspended: bool | None, before: UUID | None, limit: int) -> Sequence[User]:
        """Users with an id below `before`, newest first. `text`: part of the address or the name; empty: all."""
        ...

    async def save(self, user: User) -> None:
        """Update by compare-and-set on `version`. Raises EmailTaken (the transaction stays usable), and Transient if the row has changed
        since it was read."""
        ...

    async def list_due_deletions(self, now: datetime, limit: int) -> Sequence[User]:
        """Users with `deletes_at` in the past, locked until the transaction ends."""
        ...

    async def delete(self, user_id: UUID) -> None:
        """Delete the user with all that belongs to them. Idempotent."""
        ...

    async def delete_if_unverified(self, user_id: UUID) -> bool:
        """Delete the user with all that belongs to them, unless the address is verified. Returns whether it did."""
        ...

    async def delete_unverified(self, registered_before: datetime, limit: int) -> Sequence[User]:
        """Delete users without a verified address, with all that belongs to them, and return them."""
        ...

    async def rehash(self, user_id: UUID, former_hash: str, new_hash: str) -> None:
        """Replace the hash of the same password. Does nothing if the password has changed since `former_hash` was read."""
        ...


class Administrators(Protocol):
    def includes(self, email: str) -> bool:
        """Whether the operator names this address an administrator."""
        ...


class Registrations(Protocol):
    async def add(self, registration: Registration) -> None: ...

    async def get(self, user_id: UUID) -> Registration | None: ...

    async def lock(self, user_id: UUID) -> Registration | None:
        """Read the registration and lock its row until the transaction ends."""
        ...

    async def save(self, registration: Registration) -> None:
        """Update by compare-and-set on `version`; no-op if it is unchanged. Raises Transient if the row has changed since it was read."""
        ...

    async def list_stuck(self, since: datetime, limit: int) -> Sequence[Registration]:
        """Unfinished registrations whose reminder was due before `since`, oldest first, without their steps."""
        ...

    async def list_page(self, status: Stage | None, *, before: UUID | None, limit: int) -> Sequence[Registration]:
        """Registrations with an id below `before`, newest first. `status` None: all that are not complete."""
        ...


class VerificationTokens(Protocol):
    async def add(self, token: VerificationToken) -> None:
        """Insert the token. Idempotent by intent."""
        ...

    async def lock(self, token: OpaqueToken, purpose: TokenPurpose) -> VerificationToken | None:
        """Read the token of that purpose by its hash and lock its row until the transaction ends."""
        ...

    async def use_all(self, user_id: UUID, now: datetime) -> None:
        """Mark the user's tokens of all purposes as used."""
        ...

    async def use_older(self, user_id: UUID, purpose: TokenPurpose, now: datetime) -> None:
        """Mark the user's tokens of that purpose as used, except the newest one."""
        ...

    async def prune(self, now: datetime) -> int:
        """Delete tokens that expired before the retention time. Returns their number."""
        ...


class EmailChanges(Protocol):
    """One for each user."""

    async def replace(self, change: EmailChange) -> None:
        """Insert the change in place of the user's former one, whose links are unknown from now on."""
        ...

    async def get(self, user_id: UUID) -> EmailChange | None: ...

    async def lock_by_token(self, token: OpaqueToken) -> EmailChange | None:
        """The change that one of the two links belongs to. Locks its row until the transaction ends."""
        ...

    async def save(self, change: EmailChange) -> None:
        """Store confirmations and completion."""
        ...

    async def delete(self, user_id: UUID) -> None:
        """Idempotent."""
        ...

    async def prune(self, now: datetime) -> int:
        """Delete changes that expired before the retention time. Returns their number."""
        ...


class DeletionPolicy(Protocol):
    @property
    def grace(self) -> timedelta:
        """How long a deleted account can be restored."""
        ...
