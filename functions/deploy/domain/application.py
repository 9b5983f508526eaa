"""An application is a name, a repository and an owner; a quota says how many of them a user may have."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.names import ApplicationName, namespace_of
from functions.deploy.domain.rejections import ApplicationNotFound, InvalidSettings
from functions.deploy.domain.repository import Repository
from functions.kernel import FieldError, new_id

ACTIVE, DESTROYING, DESTROYED = "active", "deleting", "deleted"


@dataclass(slots=True)
class Application:
    id: UUID
    user_id: UUID
    name: str
    repository: str
    created_at: datetime
    status: str = ACTIVE
    deleted_at: datetime | None = None
    version: int = 1
    config_version: int = 0
    """The newest version of its configuration, over all environments."""
    health_path: str | None = None
    """Where an instance says that it is well; None: that it listens is enough."""
    release_command: str | None = None
    """Runs before a release takes traffic; None: what the repository's Procfile says."""
    directory: str | None = None
    """Where in the repository it lies; None: it is all of it."""

    @classmethod
    def create(cls, name: ApplicationName, repository: Repository, *, owner: UUID, at: datetime) -> Self:
        return cls(id=new_id(), user_id=owner, name=str(name), repository=repository.url, created_at=at)

    @property
    def namespace(self) -> str:
        return namespace_of(self.name)

    def owned_by(self, user_id: UUID) -> Self:
        """The application, to its owner. To anybody else, and once it is being deleted, there is none: raises ApplicationNotFound."""
        if self.user_id != user_id or self.status != ACTIVE:
            raise ApplicationNotFound
        return self

    def delete(self, at: datetime) -> None:
        self.status, self.deleted_at = DESTROYING, at

    def configured(self) -> int:
        """The number of the version that a change makes."""
        self.config_version += 1
        return self.config_version

    def set_up(self, *, health_path: str | None, release_command: str | None, directory: str | None) -> None:
        """Counts from the next build on. Raises InvalidSettings."""
        faults = []
        if health_path is not None and not re.fullmatch(r"/[!-~]{0,199}", health_path):
            faults.append(FieldError("/healthPath", "a path begins with a slash and has at most 200 characters, none of them a space"))
        if release_command is not None and not re.fullmatch(r"[^\x00-\x1f\x7f]{1,1000}", release_command):
            faults.append(FieldError("/releaseCommand", "one line of at most 1000 characters"))
        if directory is not None and (not re.fullmatch(r"[A-Za-z0-9_.@+-]+(/[A-Za-z0-9_.@+-]+)*", directory) or ".." in directory.split("/")):
            faults.append(FieldError("/directory", "a folder of the repository, as `services/api`"))
        if directory is not None and len(directory) > 200:
            faults.append(FieldError("/directory", "at most 200 characters"))
        if faults:
            raise InvalidSettings(errors=faults)
        self.health_path, self.release_command, self.directory = health_path, release_command, directory

    def deleted(self) -> None:
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
    memory_used_mib: int = 0

    @classmethod
    def default(cls, user_id: UUID, at: datetime) -> Self:
        return cls(user_id=user_id, applications=5, memory_mib=2560, granted_at=at)
