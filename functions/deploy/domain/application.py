"""An application: a name, an owner, a repository or an image, and the settings of its builds."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

from events.deploy import (
    ApplicationCreated,
    ApplicationDeleted,
    ApplicationRenamed,
    ApplicationTransferred,
    EnvironmentProtectionChanged,
    TeamApplicationCreated,
)
from functions.deploy.domain.application_settings import ApplicationSettings
from functions.deploy.domain.image_reference import ImageReference
from functions.deploy.domain.names import PRODUCTION, ApplicationName, Ref, namespace_of
from functions.deploy.domain.rejections import ApplicationNotFound, InvalidRef, InvalidSettings, TooManyProtectedEnvironments
from functions.deploy.domain.repository import Repository
from functions.kernel import Events, FieldError, new_id

ACTIVE, DELETING, DELETED = "active", "deleting", "deleted"
MAX_PROTECTED_ENVIRONMENTS = 100


@dataclass(slots=True)
class Application:
    id: UUID
    user_id: UUID
    """The team that owns it. The id of a personal team is that of its user."""
    name: str
    repository: str | None
    created_at: datetime
    status: str = ACTIVE
    deleted_at: datetime | None = None
    version: int = 1
    config_version: int = 0
    """The newest version of its configuration, counted over all environments."""
    image: str | None = None
    """Reference of the image that it deploys, instead of building a repository."""
    settings: ApplicationSettings = field(default_factory=ApplicationSettings)
    protected_environments: tuple[str, ...] = (PRODUCTION,)
    """Names, sorted, also of environments that do not exist. A developer changes what runs there only with a grant that names it."""
    transferred_from: UUID | None = None
    """The owner before the last transfer."""
    transferred_at: datetime | None = None

    @classmethod
    def create(
        cls,
        name: ApplicationName,
        source: Repository | ImageReference,
        *,
        owner: UUID,
        at: datetime,
        settings: ApplicationSettings | None = None,
        is_of_shared_team: bool = False,
    ) -> tuple[Self, Events]:
        """Raises InvalidSettings."""
        repository, image = (source.url, None) if isinstance(source, Repository) else (None, source.text)
        settings = settings or ApplicationSettings()
        application = cls(id=new_id(), user_id=owner, name=str(name), repository=repository, created_at=at, image=image, settings=settings)
        application._check_source()
        created = ApplicationCreated(application_id=application.id, user_id=owner, name=application.name, at=at)
        if not is_of_shared_team:
            return application, (created,)
        return application, (created, TeamApplicationCreated(application_id=application.id, user_id=owner, at=at))

    @property
    def namespace(self) -> str:
        return namespace_of(self.name)

    def require_active_of(self, team_id: UUID) -> Self:
        """Return this application if the team owns it and it is not deleted. Raises ApplicationNotFound."""
        if self.user_id != team_id or self.status != ACTIVE:
            raise ApplicationNotFound.of(self.id)
        return self

    def next_config_version(self) -> int:
        """Count up the version of the configuration and return the new one."""
        self.config_version += 1
        return self.config_version

    def change(self, *, repository: str | None, image: str | None, settings: ApplicationSettings) -> None:
        """Set what the next builds use. An application has a repository or an image. Raises InvalidSettings."""
        self.repository, self.image, self.settings = repository, image, settings
        self._check_source()

    def rename(self, name: ApplicationName, at: datetime) -> Events:
        """Allowed before the first deployment only: names of cluster objects derive from the name. Idempotent."""
        if self.name == str(name):
            return ()
        self.name = str(name)
        return (ApplicationRenamed(application_id=self.id, user_id=self.user_id, name=self.name, at=at),)

    def transfer(self, team_id: UUID, at: datetime) -> Events:
        """Make another team the owner. Idempotent."""
        if self.user_id == team_id:
            return ()
        former, self.user_id = self.user_id, team_id
        self.transferred_from, self.transferred_at = former, at
        return (ApplicationTransferred(application_id=self.id, user_id=team_id, former_user_id=former, name=self.name, at=at),)

    def protect(self, environment: str, is_protected: bool, at: datetime) -> Events:
        """Say whether a developer needs a grant for an environment. Idempotent. Raises TooManyProtectedEnvironments."""
        others = {each for each in self.protected_environments if each != environment}
        names = tuple(sorted({*others, environment} if is_protected else others))
        if names == self.protected_environments:
            return ()
        if is_protected and len(names) > MAX_PROTECTED_ENVIRONMENTS:
            raise TooManyProtectedEnvironments.of(self.name, len(others))
        self.protected_environments = names
        changed = EnvironmentProtectionChanged(
            application_id=self.id, user_id=self.user_id, environment=environment, is_protected=is_protected, at=at
        )
        return (changed,)

    def ref_to_deploy(self, ref: Ref | None) -> Ref | None:
        """Return what a deployment deploys: the ref of the request, or else the branch. Raises InvalidRef."""
        if self.image is None:
            return ref or (Ref(self.settings.branch) if self.settings.branch else None)
        if ref is not None:
            detail = f"{self.name} deploys the image {self.image}, which has no refs. Deploy another image: capsule apps update --image REFERENCE"
            raise InvalidRef(f"{detail}.", errors=[FieldError("/ref", detail)])
        return None

    def _check_source(self) -> None:
        if (self.repository is None) == (self.image is None):
            problem = "is not set" if self.image is None else "is set too"
            raise InvalidSettings.of([FieldError("/repository", f"an application has a repository or an image: the other one {problem}")])
        if self.image is None:
            self.settings.check_release_command()
        if self.image is not None and self.settings != self.settings.of_image():
            names = {"branch": "branch", "directory": "directory", "builder": "builder", "build_command": "buildCommand"}
            defaults = ApplicationSettings()
            errors = [
                FieldError(f"/{pointer}", f"an application with an image has no {name.replace('_', ' ')}: it is not built")
                for name, pointer in names.items()
                if getattr(self.settings, name) != getattr(defaults, name)
            ]
            raise InvalidSettings.of(errors)

    def delete(self, at: datetime) -> Events:
        """Start the deletion. The name stays taken until `complete_deletion`."""
        self.status, self.deleted_at = DELETING, at
        return (ApplicationDeleted(application_id=self.id, user_id=self.user_id, name=self.name, at=at),)

    def complete_deletion(self) -> None:
        """Free the name: no object of the application is left in the cluster."""
        self.status = DELETED
