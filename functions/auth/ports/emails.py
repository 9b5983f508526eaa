"""E-mails and the tokens in their links."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.auth.domain.email_limits import EmailKind, SentEmail
from functions.auth.domain.registration import Registration
from functions.auth.domain.tokens import OpaqueToken
from functions.kernel import Role


class EmailTokens(Protocol):
    def mint(self, intent: UUID) -> OpaqueToken:
        """The secret token of a verification link: unguessable, and the same for the same intent."""
        ...


class SentEmails(Protocol):
    async def count(self, user_id: UUID, kind: EmailKind, since: datetime) -> int: ...

    async def add(self, email: SentEmail) -> None:
        """Record a sent e-mail. Idempotent by intent."""
        ...

    async def prune(self, now: datetime) -> int:
        """Delete records older than the retention time. Returns their number."""
        ...


class Mailer(Protocol):
    """Sends the e-mails of this context. External: not inside a transaction. `intent` is the idempotency key. Raises Transient or Permanent."""

    async def send_verification(self, intent: UUID, to: str, token: OpaqueToken, *, is_requested_again: bool = False) -> None:
        """`is_requested_again`: by whoever waits for it, so it is sent to an address that bounced too."""
        ...

    async def send_registration_repeated(self, intent: UUID, to: str) -> None: ...

    async def send_password_reset(self, intent: UUID, to: str, token: OpaqueToken) -> None: ...

    async def send_password_changed(self, intent: UUID, to: str, at: datetime, passkeys: int, identities: int) -> None:
        """`passkeys`, `identities`: how many still sign in to the account without the password."""
        ...

    async def send_notice(self, intent: UUID, to: str, kind: EmailKind, at: datetime, detail: str) -> None:
        """A notice of a change of the account's security. `detail`: a sentence, or empty."""
        ...

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

    async def send_invitation(self, intent: UUID, to: str, team: str, inviter: str, role: Role, token: OpaqueToken) -> None:
        """`inviter`: the e-mail address of the member who invites."""
        ...

    async def send_registration_failed(self, intent: UUID, to: str, registration: Registration) -> None:
        """Sent to an administrator."""
        ...
