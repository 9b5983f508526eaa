"""Applications as monitor knows them: the team reads logs and metrics and pays for usage."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.monitor.domain.labels import PLATFORM_ID


@dataclass(frozen=True, slots=True)
class Application:
    """A deleted application stays readable until its logs expire."""

    id: UUID
    user_id: UUID
    """The team that owns it. The id of a personal team is that of its user."""
    name: str
    deleted_at: datetime | None = None
    created_at: datetime | None = None
    """None until its creation is known: other events about it may arrive before. From then on it has the preset rules."""

    @property
    def is_platform(self) -> bool:
        return self.id == PLATFORM_ID


DEFAULT_ENVIRONMENTS = ("production", "staging")
"""Every application has them, also before anything is deployed."""

PLATFORM = Application(PLATFORM_ID, PLATFORM_ID, "capsule")
"""The platform as an application without an owner: admins read its logs, metrics and alerts."""
