"""Whose an application is, as far as it matters here: its owner reads its logs and figures, and pays for its use."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.kernel import Caller
from functions.monitor.domain.labels import PLATFORM_ID


@dataclass(frozen=True, slots=True)
class Application:
    """A deleted one stays readable for as long as its logs are kept."""

    id: UUID
    user_id: UUID
    name: str
    deleted_at: datetime | None = None

    def readable_by(self, caller: Caller) -> bool:
        return caller.is_admin or caller.user_id == self.user_id

    @property
    def is_platform(self) -> bool:
        return self.id == PLATFORM_ID


PLATFORM = Application(PLATFORM_ID, PLATFORM_ID, "capsule")
"""What is wrong with the platform itself is kept like what is wrong with an application: nobody owns it, admins read it."""
