"""An application is a name, a repository and an owner; a quota says how many of them a user may have."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.names import ApplicationName, namespace_of
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.repository import Repository
from functions.kernel import new_id

ACTIVE, DESTROYING, DESTROYED = "active", "destroying", "destroyed"


@dataclass(slots=True)
class Application:
    id: UUID
    user_id: UUID
    name: str
    repository: str
    created_at: datetime
    status: str = ACTIVE
    destroyed_at: datetime | None = None
    version: int = 1

    @classmethod
    def create(cls, name: ApplicationName, repository: Repository, *, owner: UUID, at: datetime) -> Self:
        return cls(id=new_id(), user_id=owner, name=str(name), repository=repository.url, created_at=at)

    @property
    def namespace(self) -> str:
        return namespace_of(self.name)

    def owned_by(self, user_id: UUID) -> Self:
        """The application, to its owner. To anybody else, and once it is being destroyed, there is none: raises ApplicationNotFound."""
        if self.user_id != user_id or self.status != ACTIVE:
            raise ApplicationNotFound
        return self

    def destroy(self, at: datetime) -> None:
        self.status, self.destroyed_at = DESTROYING, at

    def destroyed(self) -> None:
        """Nothing of it is left in the cluster: its name is free again."""
        self.status = DESTROYED


@dataclass(frozen=True, slots=True)
class Quota:
    """How much a user may run. Every user begins with the free one; plans raise it."""

    user_id: UUID
    applications: int
    memory_mib: int
    granted_at: datetime
    applications_used: int = 0

    @classmethod
    def default(cls, user_id: UUID, at: datetime) -> Self:
        return cls(user_id=user_id, applications=5, memory_mib=2560, granted_at=at)
