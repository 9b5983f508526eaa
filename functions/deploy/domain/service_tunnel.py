"""The right to connect to a data service through the function that serves terminals, for a while and any number of times.

Its ticket is a prefix for secret scanners and 256 random bits. Only the hash is stored. SHA-256 suffices for a random token.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from functions.deploy.domain.data_service import DataService
from functions.kernel import Caller, new_id

PREFIX = "cps_"
ACCEPTS = timedelta(hours=1)
"""How long new connections are accepted. A client that needs more opens another tunnel."""
DURATION = timedelta(hours=12)
"""How long its connections may last."""


@dataclass(frozen=True, slots=True)
class ServiceTunnel:
    id: UUID
    token_hash: bytes = field(repr=False)
    application_id: UUID
    service_id: UUID
    user_id: UUID
    session_id: UUID | None
    """Its end closes the connections."""
    opened_at: datetime
    accepts_until: datetime
    ends_at: datetime

    @classmethod
    def open(cls, service: DataService, caller: Caller, now: datetime) -> tuple[Self, str]:
        """Return the tunnel, and the text of its ticket for the client."""
        text = PREFIX + secrets.token_urlsafe(32)
        token_hash = hashlib.sha256(text.encode()).digest()
        tunnel = cls(new_id(), token_hash, service.application_id, service.id, caller.user_id, caller.session_id, now, now + ACCEPTS, now + DURATION)
        return tunnel, text
