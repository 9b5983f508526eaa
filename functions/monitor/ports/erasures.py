"""The port for data of deleted users."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID


class Erasures(Protocol):
    """Deletion of what is stored about deleted users."""

    async def add(self, user_id: UUID, at: datetime) -> None:
        """Record that the user or team was deleted, and delete the e-mail address. Idempotent."""
        ...

    async def list_between(self, since: datetime, until: datetime) -> Sequence[UUID]:
        """Users and teams that were deleted between these times, both included."""
        ...

    async def erase(self, application_id: UUID) -> None:
        """Delete logs, metrics, alerts, rules, channels and the name of an application. Its owner stays known, for usage that is not billed
        yet. Idempotent."""
        ...

    async def forget(self, before: datetime) -> int: ...
