"""How many e-mails one user may get: strangers who enter an address repeatedly cannot flood its owner."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

MAX_PER_WINDOW = 5
"""E-mails of one kind to one user within `LIMIT_WINDOW`."""
LIMIT_WINDOW = timedelta(hours=1)
NOTICE_WINDOW = timedelta(minutes=1)
"""In which a user gets one notice of each kind (`services.notices`)."""
NAMESPACE = UUID("6f1c8d0a-3a51-5c0e-9d0e-5f1c0c7b2a44")


class EmailKind(StrEnum):
    VERIFICATION = "verification"
    REGISTRATION_REPEATED = "registration-repeated"
    REGISTRATION_FAILED = "registration-failed"
    PASSWORD_RESET = "password-reset"
    PASSWORD_CHANGED = "password-changed"
    EMAIL_CHANGE = "email-change"
    EMAIL_CHANGED = "email-changed"
    ADDRESS_IN_USE = "address-in-use"
    DELETION_REQUESTED = "deletion-requested"
    ACCOUNT_RESTORED = "account-restored"
    SECOND_FACTOR_ENABLED = "second-factor-enabled"
    SECOND_FACTOR_DISABLED = "second-factor-disabled"
    SECOND_FACTOR_REMOVED = "second-factor-removed"
    RECOVERY_CODES_REPLACED = "recovery-codes-replaced"
    RECOVERY_CODE_USED = "recovery-code-used"
    API_TOKEN_CREATED = "api-token-created"
    NEW_DEVICE = "new-device"
    PASSKEY_REGISTERED = "passkey-registered"
    PASSKEY_DELETED = "passkey-deleted"
    IDENTITY_LINKED = "identity-linked"
    IDENTITY_UNLINKED = "identity-unlinked"
    INVITATION = "invitation"


@dataclass(frozen=True, slots=True)
class SentEmail:
    intent: UUID
    user_id: UUID
    kind: EmailKind
    sent_at: datetime


def derive_intent(kind: EmailKind, address: str, at: datetime) -> UUID:
    """The idempotency key of an e-mail, from the event that requests it: a redelivered event sends the same e-mail under the same Message-ID."""
    return uuid.uuid5(NAMESPACE, f"{kind}|{address}|{at.isoformat()}")


def may_send(recent_count: int) -> bool:
    """`recent_count`: e-mails of that kind to that user within `LIMIT_WINDOW`."""
    return recent_count < MAX_PER_WINDOW
