"""Which environments an application has, as auth knows them from events."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

DEFAULT_ENVIRONMENTS = frozenset({"production", "staging"})
"""Every application has them from its creation on, without an event."""


@dataclass(frozen=True, slots=True)
class KnownEnvironments:
    """`exists`: environment → whether it exists, of those that were created or deleted. `is_complete`: there are no others."""

    exists: Mapping[str, bool]
    is_complete: bool = True

    @property
    def names(self) -> list[str]:
        return sorted(name for name in DEFAULT_ENVIRONMENTS | self.exists.keys() if self.exists.get(name, True))

    def may_have(self, name: str) -> bool:
        """Whether an environment exists, as far as it is known."""
        return name in self.names or (not self.is_complete and name not in self.exists)


def created_at(application_id: UUID) -> datetime:
    """When an application was created: its id is a UUIDv7 (RFC 9562, 5.7). Other ids are older than all."""
    if application_id.version != 7:
        return datetime.fromtimestamp(0, UTC)
    return datetime.fromtimestamp((application_id.int >> 80) / 1000, UTC)
