"""In-memory adapters of the auth context. The contract suites in `tests/adapters` run on these and on PostgreSQL.

Objects are copied in and out, so only saved changes are stored.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from functions.auth.domain.access_grant import AccessGrant
from functions.auth.domain.email import Email
from functions.auth.domain.email_limits import EmailKind, SentEmail
from functions.auth.domain.lockout import FAILURE_RETENTION, FailedLogins
from functions.auth.domain.password import Password, normalize
from functions.auth.domain.registration import Registration, Stage
from functions.auth.domain.service_account import ServiceAccount
from functions.auth.domain.session import EndReason, Session
from functions.auth.domain.tokens import RETENTION, OpaqueToken, TokenPurpose, VerificationToken
from functions.auth.domain.user import Role, User
from functions.auth.ports import AccessToken, EmailTaken
from functions.kernel import Events, Transient
from tests.memory.runtime import MemoryRevokedSessions


@dataclass
class MemoryAdministrators:
    addresses: set[str] = field(default_factory=set)

    def includes(self, email: str) -> bool:
        return email in self.addresses


@dataclass
class MemoryUsers:
    rows: dict[UUID, User] = field(default_factory=dict)

    async def add(self, user: User) -> None:
        if any(other.email == user.email for other in self.rows.values()):
            raise EmailTaken(user.email)
        self.rows[user.id] = deepcopy(user)

    async def get(self, user_id: UUID) -> User | None:
        return deepcopy(self.rows.get(user_id))

    async def list_by_id(self, user_ids: Sequence[UUID]) -> Sequence[User]:
        return [deepcopy(self.rows[each]) for each in set(user_ids) if each in self.rows]

    async def lock(self, user_id: UUID) -> User | None:
        return await self.get(user_id)

    async def get_by_email(self, email: Email) -> User | None:
        return next((deepcopy(user) for user in self.rows.values() if user.email == email.address), None)

    async def lock_unchanged(self, user: User) -> None:
        stored = self.rows.get(user.id)
        if stored is None or stored.version != user.version:
            raise Transient(f"user {user.id} has changed since it was read")

    async def list_page(self, text: str, *, is_suspended: bool | None, before: UUID | None, limit: int) -> Sequence[User]:
        found = [
            user
            for id, user in sorted(self.rows.items(), reverse=True)
            if (text.lower() in user.email or text.lower() in user.name.lower())
            and is_suspended in (None, user.suspended_at is not None)
            and (before is None or id < before)
        ]
        return deepcopy(found[:limit])

    async def list_verified_admins(self, *, lock: bool = False) -> Sequence[User]:
        return deepcopy([user for _, user in sorted(self.rows.items()) if Role.ADMIN in user.roles and user.is_verified])

    async def save(self, user: User) -> None:
        stored = self.rows.get(user.id)
        if stored is None or stored.version != user.version:
            raise Transient(f"user {user.id} has changed since it was read")
        if any(other.email == user.email and other.id != user.id for other in self.rows.values()):
            raise EmailTaken(user.email)
        user.version += 1
        self.rows[user.id] = deepcopy(user)

    async def delete_unverified(self, registered_before: datetime, limit: int) -> Sequence[User]:
        expired = [user for user in self.rows.values() if not user.is_verified and user.registered_at < registered_before][:limit]
        for user in expired:
            del self.rows[user.id]
        return expired

    async def list_due_deletions(self, now: datetime, limit: int) -> Sequence[User]:
        return deepcopy([user for user in self.rows.values() if user.deletes_at and user.deletes_at <= now][:limit])

    async def delete(self, user_id: UUID) -> None:
        self.rows.pop(user_id, None)

    async def delete_if_unverified(self, user_id: UUID) -> bool:
        if user_id not in self.rows or self.rows[user_id].is_verified:
            return False
        del self.rows[user_id]
        return True

    async def rehash(self, user_id: UUID, former_hash: str, new_hash: str) -> None:
        stored = self.rows.get(user_id)
        if stored is not None and stored.password_hash == former_hash:
            stored.password_hash = new_hash


@dataclass
class MemoryRegistrations:
    rows: dict[UUID, Registration] = field(default_factory=dict)

    async def add(self, registration: Registration) -> None:
        registration.stored_version = registration.version
        self.rows[registration.id] = deepcopy(registration)

    async def get(self, user_id: UUID) -> Registration | None:
        return deepcopy(self.rows.get(user_id))

    async def lock(self, user_id: UUID) -> Registration | None:
        return await self.get(user_id)

    async def save(self, registration: Registration) -> None:
        if registration.version == registration.stored_version:
            return
        if self.rows[registration.id].version != registration.stored_version:
            raise Transient(f"registration {registration.id} has changed since it was read")
        await self.add(registration)

    async def list_stuck(self, since: datetime, limit: int) -> Sequence[Registration]:
        stuck = [(each.reminder_at, each) for each in self.rows.values() if each.reminder_at and each.reminder_at < since]
        return [replace(deepcopy(each), steps=[]) for _, each in sorted(stuck, key=lambda pair: pair[0])[:limit]]

    async def list_page(self, status: Stage | None, *, before: UUID | None, limit: int) -> Sequence[Registration]:
        page = [
            each
            for id, each in sorted(self.rows.items(), reverse=True)
            if (each.status is status if status else each.status is not Stage.COMPLETED) and (before is None or id < before)
        ]
        return deepcopy(page[:limit])


@dataclass
class MemorySessions:
    revoked: MemoryRevokedSessions = field(default_factory=MemoryRevokedSessions)
    rows: dict[UUID, Session] = field(default_factory=dict)
    tokens: dict[bytes, tuple[UUID, int]] = field(default_factory=dict)

    async def add(self, session: Session, token: OpaqueToken) -> None:
        await self.save(session, token)

    async def get(self, session_id: UUID) -> Session | None:
        return deepcopy(self.rows.get(session_id))

    async def lock_by_refresh_token(self, token: OpaqueToken) -> tuple[Session, int] | None:
        match = self.tokens.get(token.hash)
        return None if match is None else (deepcopy(self.rows[match[0]]), match[1])

    async def lock(self, session_id: UUID) -> Session | None:
        return deepcopy(self.rows.get(session_id))

    async def save(self, session: Session, token: OpaqueToken | None = None) -> None:
        self.rows[session.id] = deepcopy(session)
        if session.ended_at is not None:
            await self.revoked.add(session.id, session.ended_at)
        if token is not None:
            self.tokens[token.hash] = (session.id, session.generation)

    async def list_active(self, user_id: UUID, now: datetime, *, before: UUID | None, limit: int) -> Sequence[Session]:
        own = [each for each in self.rows.values() if each.user_id == user_id and each.is_active(now) and (before is None or each.id < before)]
        return deepcopy(sorted(own, key=lambda each: each.id, reverse=True)[:limit])

    async def end_all(self, user_id: UUID, reason: EndReason, now: datetime, kept: UUID | None = None) -> Events:
        events: Events = ()
        for session in [deepcopy(each) for each in self.rows.values() if each.user_id == user_id and each.id != kept]:
            events += session.end(reason, now)
            await self.save(session)
        return events

    async def prune(self, now: datetime) -> int:
        expired = [s.id for s in self.rows.values() if min(s.expires_at, s.ended_at or s.expires_at) < now - RETENTION]
        for session_id in expired:
            del self.rows[session_id]
        self.tokens = {key: value for key, value in self.tokens.items() if value[0] in self.rows}
        return len(expired)


@dataclass
class MemoryVerificationTokens:
    rows: dict[UUID, VerificationToken] = field(default_factory=dict)

    async def add(self, token: VerificationToken) -> None:
        self.rows.setdefault(token.id, deepcopy(token))

    async def lock(self, token: OpaqueToken, purpose: TokenPurpose) -> VerificationToken | None:
        return next((deepcopy(row) for row in self.rows.values() if row.token_hash == token.hash and row.purpose is purpose), None)

    async def use_older(self, user_id: UUID, purpose: TokenPurpose, now: datetime) -> None:
        rows = [row for row in self.rows.values() if row.user_id == user_id and row.purpose is purpose]
        newest_at = max(row.created_at for row in rows)
        for row in rows:
            if row.used_at is None and row.created_at < newest_at:
                self.rows[row.id] = replace(row, used_at=now)

    async def use_all(self, user_id: UUID, now: datetime) -> None:
        for row in self.rows.values():
            if row.user_id == user_id and row.used_at is None:
                self.rows[row.id] = replace(row, used_at=now)

    async def prune(self, now: datetime) -> int:
        before = len(self.rows)
        self.rows = {key: row for key, row in self.rows.items() if row.expires_at >= now - RETENTION}
        return before - len(self.rows)


@dataclass
class MemorySentEmails:
    rows: dict[UUID, SentEmail] = field(default_factory=dict)

    async def count(self, user_id: UUID, kind: EmailKind, since: datetime) -> int:
        return sum(each.user_id == user_id and each.kind == kind and each.sent_at > since for each in self.rows.values())

    async def add(self, email: SentEmail) -> None:
        self.rows.setdefault(email.intent, email)

    async def prune(self, now: datetime) -> int:
        before = len(self.rows)
        self.rows = {key: each for key, each in self.rows.items() if each.sent_at >= now - RETENTION}
        return before - len(self.rows)


@dataclass
class MemoryLoginFailures:
    rows: dict[bytes, FailedLogins] = field(default_factory=dict)

    async def lock(self, email: Email) -> FailedLogins:
        key = FailedLogins.hash_address(email)
        return deepcopy(self.rows.get(key, FailedLogins(key)))

    async def find(self, email: Email) -> FailedLogins | None:
        return deepcopy(self.rows.get(FailedLogins.hash_address(email)))

    async def save(self, failures: FailedLogins) -> None:
        if failures.count:
            self.rows[failures.address_hash] = deepcopy(failures)
        else:
            self.rows.pop(failures.address_hash, None)

    async def prune(self, now: datetime) -> int:
        before = len(self.rows)
        self.rows = {key: row for key, row in self.rows.items() if row.last_at is None or row.last_at >= now - FAILURE_RETENTION}
        return before - len(self.rows)


@dataclass
class PlainHasher:
    """Replaces argon2. Counts hashes and verifications; hashes of another `strength` need a rehash."""

    strength: int = 2
    verified: int = 0
    hashed: int = 0

    async def hash(self, password: Password) -> str:
        self.hashed += 1
        return f"{self.strength}${password.text}"

    async def rehash(self, text: str) -> str:
        return f"{self.strength}${normalize(text)}"

    async def matches(self, password_hash: str | None, text: str) -> bool:
        self.verified += 1
        return password_hash is not None and password_hash.partition("$")[2] == normalize(text)

    def needs_rehash(self, password_hash: str) -> bool:
        return not password_hash.startswith(f"{self.strength}$")


class PlainEmailTokens:
    def mint(self, intent: UUID) -> OpaqueToken:
        return OpaqueToken(f"token-of-{intent}")


class PlainAccessTokens:
    def issue(self, user: User, grant: AccessGrant, now: datetime) -> AccessToken:
        return AccessToken(f"access of {user.id} in {grant.session_id}", 900)

    def issue_for_service_account(self, account: ServiceAccount, grant: AccessGrant, now: datetime) -> AccessToken:
        return AccessToken(f"access of {account.id} in {grant.session_id}", 900)
