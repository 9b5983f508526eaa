"""What the auth context needs from outside."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from functions.auth.domain.email import Email
from functions.auth.domain.lockout import FailedLogins
from functions.auth.domain.mails import MailKind, SentMail
from functions.auth.domain.password import Password
from functions.auth.domain.registration import Registration, Stage
from functions.auth.domain.session import Session
from functions.auth.domain.tokens import OpaqueToken, VerificationToken
from functions.auth.domain.user import User


class EmailTaken(Exception):
    """Another account has this address."""


class Users(Protocol):
    async def add(self, user: User) -> None:
        """Raises EmailTaken; the transaction goes on."""
        ...

    async def get(self, user_id: UUID) -> User | None: ...

    async def by_email(self, email: Email) -> User | None: ...

    async def admins(self) -> Sequence[User]:
        """With a verified address."""
        ...

    async def save(self, user: User) -> None:
        """Compare-and-set by version. Raises Transient if somebody else was faster."""
        ...

    async def rehash(self, user_id: UUID, former_hash: str, new_hash: str) -> None:
        """Replaces the hash of an unchanged password; does nothing if the password was changed meanwhile."""
        ...


class Registrations(Protocol):
    async def add(self, registration: Registration) -> None: ...

    async def get(self, user_id: UUID) -> Registration | None: ...

    async def locked(self, user_id: UUID) -> Registration | None:
        """Until the transaction ends nobody else changes it."""
        ...

    async def save(self, registration: Registration) -> None:
        """Compare-and-set by version; nothing to do if it has not moved. Raises Transient if the row has changed since it was read."""
        ...

    async def stuck(self, since: datetime, limit: int) -> Sequence[Registration]:
        """Running ones whose reminder was due before then, the longest first; without their timelines."""
        ...

    async def page(self, status: Stage | None, *, before: UUID | None, limit: int) -> Sequence[Registration]:
        """Newest first; without a status all that are not complete."""
        ...


class Sessions(Protocol):
    async def add(self, session: Session, token: OpaqueToken) -> None: ...

    async def presenting(self, token: OpaqueToken) -> tuple[Session, int] | None:
        """The session that this refresh token was issued for, and the token's generation; locked until the transaction ends."""
        ...

    async def get(self, session_id: UUID) -> Session | None:
        """Locked until the transaction ends."""
        ...

    async def save(self, session: Session, token: OpaqueToken | None = None) -> None:
        """With `token`, one more of the session's newest generation."""
        ...

    async def prune(self, at: datetime) -> int:
        """Forgets what ended or expired long ago."""
        ...


class VerificationTokens(Protocol):
    async def add(self, token: VerificationToken) -> None:
        """The same intent twice is once."""
        ...

    async def find(self, token: OpaqueToken) -> VerificationToken | None:
        """Locked until the transaction ends."""
        ...

    async def save(self, token: VerificationToken) -> None: ...

    async def prune(self, at: datetime) -> int: ...


class LoginFailures(Protocol):
    async def of(self, email: Email) -> FailedLogins:
        """Locked until the transaction ends, so that guesses at one account take turns. Raises AccountLocked when the turn does not come soon."""
        ...

    async def save(self, failures: FailedLogins) -> None: ...

    async def prune(self, at: datetime) -> int: ...


class SentMails(Protocol):
    async def count(self, user_id: UUID, kind: MailKind, since: datetime) -> int: ...

    async def add(self, mail: SentMail) -> None: ...

    async def prune(self, at: datetime) -> int: ...


class Hasher(Protocol):
    async def hash(self, password: Password) -> str: ...

    async def matches(self, password_hash: str | None, typed: str) -> bool:
        """False for None, after the same time as for any other."""
        ...

    def outdated(self, password_hash: str) -> bool:
        """Whether it was made with weaker parameters than today's."""
        ...

    async def rehash(self, typed: str) -> str: ...


class MailTokens(Protocol):
    def mint(self, intent: UUID) -> OpaqueToken:
        """The secret of a mailed link: unguessable, and the same for the same intent."""
        ...


class Mailer(Protocol):
    """Outside world: not while a transaction is open. Raises Transient or Permanent."""

    async def send_verification(self, intent: UUID, to: str, token: OpaqueToken) -> None: ...

    async def send_registration_repeated(self, intent: UUID, to: str, verified: bool) -> None: ...

    async def send_registration_failed(self, intent: UUID, to: str, registration: Registration) -> None:
        """To an administrator."""
        ...


@dataclass(frozen=True, slots=True)
class AccessToken:
    text: str = field(repr=False)
    expires_in: int


class AccessTokenIssuer(Protocol):
    def issue(self, user: User, session_id: UUID, at: datetime) -> AccessToken: ...


class PublicKeys(Protocol):
    def jwks(self) -> list[dict[str, Any]]: ...


class Housekeeping(Protocol):
    """What the runtime keeps in every context's database."""

    async def sweep(self) -> None: ...
