"""Time and identity: timezone-aware UTC, and ids that sort by when they were made (UUIDv7, RFC 9562 section 5.7)."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

import uuid_utils


class Clock(Protocol):
    def now(self) -> datetime:
        """The present, timezone-aware, in UTC."""
        ...


def new_id() -> UUID:
    return UUID(bytes=uuid_utils.uuid7().bytes)
