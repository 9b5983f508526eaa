"""The right to attach to a one-off command once, within seconds: a prefix for secret scanners and 256 random bits.

Only the hash is stored. SHA-256 suffices for a random token.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from functions.deploy.domain.run import Run
from functions.kernel import Caller

PREFIX = "cpt_"
LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class AttachTicket:
    token_hash: bytes = field(repr=False)
    application_id: UUID
    run_id: UUID
    user_id: UUID
    session_id: UUID | None
    """Its end closes the connection."""
    expires_at: datetime

    @classmethod
    def issue(cls, run: Run, caller: Caller, now: datetime) -> tuple[Self, str]:
        """Return the ticket, and its text for the client."""
        text = PREFIX + secrets.token_urlsafe(32)
        token_hash = hashlib.sha256(text.encode()).digest()
        return cls(token_hash, run.application_id, run.id, caller.user_id, caller.session_id, now + LIFETIME), text


@dataclass(frozen=True, slots=True)
class TerminalAddress:
    """Where clients attach, as CAPSULE_TERMINAL_URL names it; empty: nowhere."""

    url: str = ""

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(("ws://", "wss://")):
            raise ValueError(f"CAPSULE_TERMINAL_URL: {self.url!r} is not valid. Use ws:// or wss://, as in wss://terminal.example.com")
