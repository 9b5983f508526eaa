"""Sessions and API tokens, and what proves who signs in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from functions.auth.domain.access_grant import AccessGrant
from functions.auth.domain.api_token import ApiToken
from functions.auth.domain.email import Email
from functions.auth.domain.lockout import FailedLogins
from functions.auth.domain.password import Password
from functions.auth.domain.second_factor import SecondFactor
from functions.auth.domain.service_account import ServiceAccount
from functions.auth.domain.session import EndReason, FirstStep, Session
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.user import User
from functions.auth.domain.user_agent import UserAgent
from functions.kernel import Events


class Sessions(Protocol):
    async def add(self, session: Session, token: OpaqueToken) -> None:
        """Insert the session and the hash of its first refresh token."""
        ...

    async def lock_by_refresh_token(self, token: OpaqueToken) -> tuple[Session, int] | None:
        """The session that issued this refresh token and the token's generation. Locks the session until the transaction ends."""
        ...

    async def get(self, session_id: UUID) -> Session | None: ...

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


class KnownDevices(Protocol):
    """Programs and systems with which users have signed in. They are deleted with the user."""

    async def add(self, user_id: UUID, device: UserAgent, session_id: UUID, now: datetime) -> bool:
        """Remember a device. Returns whether it is new, and not the user's first one; the same for the same session again."""
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

    async def refuse_all(self, user_id: UUID, now: datetime) -> Events:
        """Have access tokens of all tokens of a user or service account refused. The tokens stay. Returns the events."""
        ...

    async def replace_ids(self, service_account_id: UUID) -> Mapping[UUID, UUID]:
        """Give the tokens of a service account new ids: access tokens with the former ids stay refused, those with the new ones are accepted.
        Returns former → new id."""
        ...

    async def list_for_user(self, user_id: UUID) -> Sequence[ApiToken]:
        """Of a user or a service account. The tokens that are not revoked, newest first. Expired ones are among them until they are pruned."""
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


class LoginFailures(Protocol):
    async def lock(self, email: Email) -> FailedLogins:
        """Read the failures of an address and lock them until the transaction ends, so that logins for one address run
        one after another.

        Raises AccountLocked if another login holds the lock for too long.
        """
        ...

    async def find(self, email: Email) -> FailedLogins | None:
        """Read the failures without a lock."""
        ...

    async def save(self, failures: FailedLogins) -> None: ...

    async def prune(self, now: datetime) -> int:
        """Delete failures that no longer count. Returns their number."""
        ...


class LoginChallenges(Protocol):
    """Prove that a user has passed the first step of a sign-in, until CHALLENGE_LIFETIME has passed. Nothing is stored."""

    def issue(self, first_step: FirstStep, now: datetime) -> OpaqueToken: ...

    def verify(self, challenge: OpaqueToken, now: datetime) -> FirstStep | None:
        """Return the first step; None for a challenge that was not issued here or has expired."""
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


class Vault(Protocol):
    """Secrets that a person's device needs again: sealed at rest with the context's key."""

    def seal(self, secret: str) -> str: ...

    def open(self, sealed: str) -> str: ...


@dataclass(frozen=True, slots=True)
class AccessToken:
    text: str = field(repr=False)
    expires_in_seconds: int


class AccessTokenIssuer(Protocol):
    def issue(self, user: User, grant: AccessGrant, now: datetime) -> AccessToken: ...

    def issue_for_service_account(self, account: ServiceAccount, grant: AccessGrant, now: datetime) -> AccessToken: ...


class PublicKeys(Protocol):
    def jwks(self) -> list[dict[str, Any]]:
        """The public signing keys as JWKs (RFC 7517)."""
        ...
