"""In-memory changes of e-mail addresses and the mailer of the auth context."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from functions.auth.domain.email_change import EmailChange
from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.registration import Registration
from functions.auth.domain.tokens import RETENTION, OpaqueToken
from functions.auth.domain.user_agent import UserAgent
from functions.kernel import Role


@dataclass
class MemoryEmailChanges:
    rows: dict[UUID, EmailChange] = field(default_factory=dict)

    async def replace(self, change: EmailChange) -> None:
        self.rows[change.user_id] = deepcopy(change)

    async def get(self, user_id: UUID) -> EmailChange | None:
        return deepcopy(self.rows.get(user_id))

    async def lock_by_token(self, token: OpaqueToken) -> EmailChange | None:
        return next((deepcopy(row) for row in self.rows.values() if token.hash in (row.current_token_hash, row.new_token_hash)), None)

    async def save(self, change: EmailChange) -> None:
        if change.user_id in self.rows and self.rows[change.user_id].id == change.id:
            self.rows[change.user_id] = deepcopy(change)

    async def delete(self, user_id: UUID) -> None:
        self.rows.pop(user_id, None)

    async def prune(self, now: datetime) -> int:
        before = len(self.rows)
        self.rows = {key: row for key, row in self.rows.items() if row.expires_at >= now - RETENTION}
        return before - len(self.rows)


@dataclass
class MemoryKnownDevices:
    rows: dict[tuple[UUID, UserAgent], UUID] = field(default_factory=dict)

    async def add(self, user_id: UUID, device: UserAgent, session_id: UUID, now: datetime) -> bool:
        first = self.rows.setdefault((user_id, device), session_id)
        return first == session_id and sum(owner == user_id for owner, _ in self.rows) > 1


@dataclass
class MemoryMailer:
    """Records sent e-mails, or raises `failure`."""

    verifications: list[tuple[UUID, str, str]] = field(default_factory=list)
    """(intent, recipient, token)"""
    repeated: list[tuple[UUID, str]] = field(default_factory=list)
    """(intent, recipient)"""
    failed: list[tuple[UUID, str, str]] = field(default_factory=list)
    """(intent, recipient, address of the registration)"""
    notices: list[tuple[EmailKind, str, str]] = field(default_factory=list)
    """(kind, recipient, token or detail)"""
    failure: Exception | None = None

    async def _notify(self, kind: EmailKind, to: str, detail: str = "") -> None:
        if self.failure:
            raise self.failure
        self.notices.append((kind, to, detail))

    def tokens(self, kind: EmailKind) -> list[str]:
        return [detail for each, _, detail in self.notices if each is kind]

    async def send_password_reset(self, intent: UUID, to: str, token: OpaqueToken) -> None:
        await self._notify(EmailKind.PASSWORD_RESET, to, token.text)

    async def send_password_changed(self, intent: UUID, to: str, at: datetime, passkeys: int, identities: int) -> None:
        await self._notify(EmailKind.PASSWORD_CHANGED, to, f"{passkeys} passkeys, {identities} identities" if passkeys or identities else "")

    async def send_notice(self, intent: UUID, to: str, kind: EmailKind, at: datetime, detail: str) -> None:
        await self._notify(kind, to, detail)

    async def send_email_change(self, intent: UUID, to: str, email: str, token: OpaqueToken) -> None:
        await self._notify(EmailKind.EMAIL_CHANGE, to, token.text)

    async def send_address_in_use(self, intent: UUID, to: str) -> None:
        await self._notify(EmailKind.ADDRESS_IN_USE, to)

    async def send_email_changed(self, intent: UUID, to: str, email: str, at: datetime) -> None:
        await self._notify(EmailKind.EMAIL_CHANGED, to, email)

    async def send_deletion_requested(self, intent: UUID, to: str, deletes_at: datetime) -> None:
        await self._notify(EmailKind.DELETION_REQUESTED, to, deletes_at.isoformat())

    async def send_invitation(self, intent: UUID, to: str, team: str, inviter: str, role: Role, token: OpaqueToken) -> None:
        await self._notify(EmailKind.INVITATION, to, token.text)

    async def send_account_restored(self, intent: UUID, to: str, at: datetime) -> None:
        await self._notify(EmailKind.ACCOUNT_RESTORED, to)

    async def send_verification(self, intent: UUID, to: str, token: OpaqueToken, *, is_requested_again: bool = False) -> None:
        if self.failure:
            raise self.failure
        self.verifications.append((intent, to, token.text))

    async def send_registration_repeated(self, intent: UUID, to: str) -> None:
        if self.failure:
            raise self.failure
        self.repeated.append((intent, to))

    async def send_registration_failed(self, intent: UUID, to: str, registration: Registration) -> None:
        if self.failure:
            raise self.failure
        self.failed.append((intent, to, registration.email))
