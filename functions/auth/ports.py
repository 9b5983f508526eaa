"""Ports of the auth context. Each has one contract suite in `tests/adapters`, run on memory and on the real adapter."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from functions.auth.domain.access_grant import AccessGrant
from functions.auth.domain.api_token import ApiToken
from functions.auth.domain.email import Email
from functions.auth.domain.email_change import EmailChange
from functions.auth.domain.email_limits import EmailKind, SentEmail
from functions.auth.domain.lockout import FailedLogins
from functions.auth.domain.password import Password
from functions.auth.domain.registration import Registration, Stage
from functions.auth.domain.second_factor import SecondFactor
from functions.auth.domain.session import EndReason, Session
from functions.auth.domain.tokens import OpaqueToken, TokenPurpose, VerificationToken
from functions.auth.domain.user import User
from functions.kernel import Events


class EmailTaken(Exception):
    """Another account has this address."""


class Users(Protocol):
    async def add(self, user: User) -> None:
        """Insert the user. Raises EmailTaken; the transaction stays usable."""
        ...

    async def get(self, user_id: UUID) -> User | None: ...

    async def get_by_email(self, email: Email) -> User | None: ...

    async def list_verified_admins(self) -> Sequence[User]:
        """Administrators whose address is verified."""
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

    async def delete_unverified(self, registered_before: datetime, limit: int) -> Sequence[User]:
        """Delete users whose address is not verified, with all that belongs to them, and return them."""
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


class Sessions(Protocol):
    async def add(self, session: Session, token: OpaqueToken) -> None:
        """Insert the session and the hash of its first refresh token."""
        ...

    async def lock_by_refresh_token(self, token: OpaqueToken) -> tuple[Session, int] | None:
        """The session that issued this refresh token and the token's generation. Locks the session until the transaction ends."""
        ...

    async def lock(self, session_id: UUID) -> Session | None:
        """Read the session and lock its row until the transaction ends."""
        ...

    async def save(self, session: Session, token: OpaqueToken | None = None) -> None:
        """Update the session and, with `token`, add a refresh token of its newest generation. Access tokens of an ended session are refused."""
        ...

    async def list_active(self, user_id: UUID, now: datetime, *, before: UUID | None, limit: int) -> Sequence[Session]:
        """A user's sessions that have neither ended nor expired, with an id below `before`, the last one that started first."""
        ...

    async def end_all(self, user_id: UUID, reason: EndReason, now: datetime, kept: UUID | None = None) -> Events:
        """End a user's sessions except `kept`, as `Session.end` and `save` do. Returns their events."""
        ...

    async def prune(self, now: datetime) -> int:
        """Delete sessions that ended or expired before the retention time. Returns their number."""
        ...


class ApiTokens(Protocol):
    async def add(self, token: ApiToken) -> None:
        """Insert the token. Raises TokenNameTaken if a token of the user that is not revoked has its name, TooManyTokens beyond MAX_TOKENS."""
        ...

    async def lock(self, token_id: UUID) -> ApiToken | None:
        """Read the token and lock its row until the transaction ends."""
        ...

    async def lock_by_hash(self, token: OpaqueToken) -> ApiToken | None:
        """Read the token by its hash and lock its row until the transaction ends."""
        ...

    async def save(self, token: ApiToken) -> None:
        """Store use and revocation. Access tokens of a revoked token are refused."""
        ...

    async def list_for_user(self, user_id: UUID) -> Sequence[ApiToken]:
        """The tokens that are not revoked, newest first. Expired ones are among them until they are pruned."""
        ...

    async def prune(self, now: datetime) -> int:
        """Delete tokens that expired or were revoked before the retention time. Returns their number."""
        ...


class SecondFactors(Protocol):
    async def get(self, user_id: UUID) -> SecondFactor | None: ...

    async def lock(self, user_id: UUID) -> SecondFactor | None:
        """Read the second factor and lock its row until the transaction ends, so that a code is accepted once."""
        ...

    async def save(self, factor: SecondFactor) -> None:
        """Insert or replace the second factor of its user."""
        ...

    async def delete(self, user_id: UUID) -> None:
        """Idempotent."""
        ...


class RevokedSessions(Protocol):
    """Sessions that ended while their access tokens are valid. `Sessions.save` adds those that it ends."""

    async def list_page(self, *, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Return ids greater than `after`, in their order."""
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


class LoginFailures(Protocol):
    async def lock(self, email: Email) -> FailedLogins:
        """Read the failures of an address and lock them until the transaction ends, so that logins for one address run
        one after another.

        Raises AccountLocked if another login holds the lock for too long.
        """
        ...

    async def save(self, failures: FailedLogins) -> None: ...

    async def prune(self, now: datetime) -> int:
        """Delete failures that no longer count. Returns their number."""
        ...


class SentEmails(Protocol):
    async def count(self, user_id: UUID, kind: EmailKind, since: datetime) -> int: ...

    async def add(self, email: SentEmail) -> None:
        """Record a sent e-mail. Idempotent by intent."""
        ...

    async def prune(self, now: datetime) -> int:
        """Delete records older than the retention time. Returns their number."""
        ...


class Hasher(Protocol):
    async def hash(self, password: Password) -> str: ...

    async def matches(self, password_hash: str | None, text: str) -> bool:
        """Whether `text` is the password. False for None, in the same time as for a hash."""
        ...

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash has weaker parameters than current ones."""
        ...

    async def rehash(self, text: str) -> str:
        """Hash a password that was accepted before, without checking its strength again."""
        ...


class EmailTokens(Protocol):
    def mint(self, intent: UUID) -> OpaqueToken:
        """The secret token of a verification link: unguessable, and the same for the same intent."""
        ...


class LoginChallenges(Protocol):
    """Prove that a user has entered the password, until CHALLENGE_LIFETIME has passed. Nothing is stored."""

    def issue(self, user_id: UUID, now: datetime) -> OpaqueToken: ...

    def verify(self, challenge: OpaqueToken, now: datetime) -> UUID | None:
        """Return the user; None for a challenge that was not issued here or has expired."""
        ...


class Vault(Protocol):
    """Secrets that a person's device needs again: sealed at rest with the context's key."""

    def seal(self, secret: str) -> str: ...

    def open(self, sealed: str) -> str: ...


class Mailer(Protocol):
    """Sends the e-mails of this context. External: not inside a transaction. `intent` is the idempotency key. Raises Transient or Permanent."""

    async def send_verification(self, intent: UUID, to: str, token: OpaqueToken) -> None: ...

    async def send_registration_repeated(self, intent: UUID, to: str) -> None: ...

    async def send_password_reset(self, intent: UUID, to: str, token: OpaqueToken) -> None: ...

    async def send_password_changed(self, intent: UUID, to: str, at: datetime) -> None: ...

    async def send_email_change(self, intent: UUID, to: str, email: str, token: OpaqueToken) -> None:
        """Sent to both addresses. `email`: the new one."""
        ...

    async def send_address_in_use(self, intent: UUID, to: str) -> None:
        """Sent in place of `send_email_change` to a new address that has an account."""
        ...

    async def send_email_changed(self, intent: UUID, to: str, email: str, at: datetime) -> None:
        """Sent to both addresses."""
        ...

    async def send_deletion_requested(self, intent: UUID, to: str, deletes_at: datetime) -> None: ...

    async def send_account_restored(self, intent: UUID, to: str, at: datetime) -> None: ...

    async def send_registration_failed(self, intent: UUID, to: str, registration: Registration) -> None:
        """Sent to an administrator."""
        ...


@dataclass(frozen=True, slots=True)
class AccessToken:
    text: str = field(repr=False)
    expires_in_seconds: int


class AccessTokenIssuer(Protocol):
    def issue(self, user: User, grant: AccessGrant, now: datetime) -> AccessToken: ...


class PublicKeys(Protocol):
    def jwks(self) -> list[dict[str, Any]]:
        """The public signing keys as JWKs (RFC 7517)."""
        ...


class Housekeeping(Protocol):
    """The runtime's own clean-up of this context's database: unsent events, old inbox rows, old replies."""

    async def sweep(self) -> None: ...
