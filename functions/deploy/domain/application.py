"""An application: a name, a repository, an owner, and the settings of its builds."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from events.deploy import ApplicationCreated, ApplicationDeleted
from functions.deploy.domain.names import ApplicationName, namespace_of
from functions.deploy.domain.rejections import ApplicationNotFound, InvalidSettings
from functions.deploy.domain.repository import Repository
from functions.kernel import Events, FieldError, new_id

ACTIVE, DELETING, DELETED = "active", "deleting", "deleted"
MAX_DIRECTORY_LENGTH = 200


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
    """The newest version of its configuration, counted over all environments."""
    health_path: str | None = None
    """HTTP path of the readiness probe. None: an instance is ready when it listens."""
    release_command: str | None = None
    """Runs before a release takes traffic. None: the `release:` line of the repository's Procfile."""
    directory: str | None = None
    """Folder of the application in the repository. None: the root."""

    @classmethod
    def create(cls, name: ApplicationName, repository: Repository, *, owner: UUID, at: datetime) -> tuple[Self, Events]:
        application = cls(id=new_id(), user_id=owner, name=str(name), repository=repository.url, created_at=at)
        return application, (ApplicationCreated(application_id=application.id, user_id=owner, name=application.name, at=at),)

    @property
    def namespace(self) -> str:
        return namespace_of(self.name)

    def owned_by(self, user_id: UUID) -> Self:
        """Return this application if the user owns it and it is not deleted. Raises ApplicationNotFound."""
        if self.user_id != user_id or self.status != ACTIVE:
            raise ApplicationNotFound.of(self.id)
        return self

    def next_config_version(self) -> int:
        """Count up the version of the configuration and return the new one."""
        self.config_version += 1
        return self.config_version

    def change_settings(self, *, health_path: str | None, release_command: str | None, directory: str | None) -> None:
        """Set what the next builds use. Raises InvalidSettings."""
        errors = []
        if health_path is not None and not re.fullmatch(r"/[!-~]{0,199}", health_path):
            errors.append(FieldError("/healthPath", f'health path "{health_path}": start with "/", no spaces, at most 200 characters'))
        if release_command is not None and not re.fullmatch(r"[^\x00-\x1f\x7f]{1,1000}", release_command):
            errors.append(FieldError("/releaseCommand", "release command: use one line of 1–1000 characters"))
        if directory is not None and (not re.fullmatch(r"[A-Za-z0-9_.@+-]+(/[A-Za-z0-9_.@+-]+)*", directory) or ".." in directory.split("/")):
            errors.append(FieldError("/directory", f'directory "{directory}": use a folder of the repository, such as services/api'))
        if directory is not None and len(directory) > MAX_DIRECTORY_LENGTH:
            errors.append(FieldError("/directory", f"directory: use at most {MAX_DIRECTORY_LENGTH} characters"))
        if errors:
            raise InvalidSettings.of(errors)
        self.health_path, self.release_command, self.directory = health_path, release_command, directory

    def delete(self, at: datetime) -> Events:
        """Start the deletion. The name stays taken until `complete_deletion`."""
        self.status, self.deleted_at = DELETING, at
        return (ApplicationDeleted(application_id=self.id, user_id=self.user_id, name=self.name, at=at),)

    def complete_deletion(self) -> None:
        """Free the name: no object of the application is left in the cluster."""
        self.status = DELETED
