"""The change of an account's e-mail address: it takes place when both addresses have confirmed it by a link.

The link to the current address keeps a stolen session from taking the account, the link to the new one proves that it is
the user's. The address is not reserved meanwhile: if it has a verified account in the end, the change is refused.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from events.auth import EmailChangeRequested
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    EmailUnchanged,
    ExpiredLink,
    UsedLink,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.user import User
from functions.kernel import Events, new_id

EMAIL_CHANGE_LIFETIME = timedelta(hours=24)


class Side(StrEnum):
    """Which of the two addresses."""

    CURRENT = "current"
    NEW = "new"


def link_intent(change_id: UUID, side: Side) -> UUID:
    """The idempotency key of the e-mail to one side, from which its token is derived."""
    return uuid.uuid5(change_id, side)


@dataclass(slots=True)
class EmailChange:
    user_id: UUID
    id: UUID
    email: str
    current_token_hash: bytes = field(repr=False)
    new_token_hash: bytes = field(repr=False)
    requested_at: datetime
    expires_at: datetime
    current_confirmed_at: datetime | None = None
    new_confirmed_at: datetime | None = None
    completed_at: datetime | None = None

    @classmethod
    def request(cls, user: User, email: Email, mint: Callable[[UUID], OpaqueToken], now: datetime) -> tuple["EmailChange", Events]:
        """Raises EmailUnchanged."""
        if email.address == user.email:
            raise EmailUnchanged
        change_id = new_id()
        current_hash, new_hash = (mint(link_intent(change_id, side)).hash for side in (Side.CURRENT, Side.NEW))
        change = cls(user.id, change_id, email.address, current_hash, new_hash, now, now + EMAIL_CHANGE_LIFETIME)
        return change, (EmailChangeRequested(user_id=user.id, change_id=change_id, at=now),)

    def is_pending(self, now: datetime) -> bool:
        return self.completed_at is None and now < self.expires_at

    @property
    def unconfirmed(self) -> list[Side]:
        """The addresses that have not confirmed the change."""
        confirmations = {Side.CURRENT: self.current_confirmed_at, Side.NEW: self.new_confirmed_at}
        return [side for side, at in confirmations.items() if at is None]

    def confirm(self, token: OpaqueToken, now: datetime) -> bool:
        """Confirm the side of the token. Returns whether both have confirmed. Idempotent. Raises UsedLink, ExpiredLink."""
        if self.completed_at is not None:
            raise UsedLink
        if now >= self.expires_at:
            raise ExpiredLink
        if token.hash == self.current_token_hash:
            self.current_confirmed_at = self.current_confirmed_at or now
        if token.hash == self.new_token_hash:
            self.new_confirmed_at = self.new_confirmed_at or now
        return not self.unconfirmed

    def complete(self, now: datetime) -> None:
        self.completed_at = now
