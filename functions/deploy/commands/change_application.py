"""Change the repository, image or settings of a build.

Omitted fields keep their value; `null` clears a field. Takes effect at the next build.
"""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from functions.deploy.domain.application_settings import ApplicationSettings, Builder
from functions.deploy.domain.application_views import ApplicationSettingsView
from functions.deploy.domain.image_reference import admit_image
from functions.deploy.domain.rejections import ApplicationNotFound, InvalidImage, InvalidRepository, InvalidSettings, RepositoryNotAllowed
from functions.deploy.domain.repository import RepositoryPolicy
from functions.deploy.ports import Applications
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Done, Int32, Model, Permission, Permit, Text, command, differences


class ChangeApplication(Model):
    """Omitted fields keep their value; `null` clears a field."""

    application_id: UUID
    repository: Text | None = None
    """Replaces the image of an application that has one."""
    image: Text | None = None
    """Reference of an image to deploy instead of a repository. Replaces the repository, and clears the settings that
    only builds from source have."""
    branch: Text | None = None
    """What a deployment without a ref deploys. Default: the repository's default branch."""
    directory: Text | None = None
    """Folder of the application in the repository."""
    builder: Builder | None = None
    """`null` is `auto`: by language, or the Dockerfile if no language is recognized."""
    build_command: Text | None = None
    """Runs in the build after the dependencies are installed, instead of the detected command."""
    start_command: Text | None = None
    """Starts the application, instead of the Procfile's `web:` line."""
    release_command: Text | None = None
    """Runs before a release takes traffic. Takes precedence over the Procfile's `release:` line."""
    health_path: Text | None = None
    """HTTP path that returns 2xx or 3xx when an instance is healthy."""
    port: Int32 | None = None
    """The port that the application listens on, if it does not read PORT. Default: that of capsule.toml or the image, else 8080."""
    waking_page: bool | None = None
    """Show a page to a browser that waits for the first instance. Default: its request waits. On one machine only."""


@command(
    http="PATCH /v1/apps/{application_id}",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, InvalidImage, InvalidRepository, InvalidSettings, RepositoryNotAllowed],
)
async def change_application(
    request: ChangeApplication, applications: Applications, policy: RepositoryPolicy, control: AccessControl, permit: Permit
) -> Done[ApplicationSettingsView]:
    application = await applications.lock(await control.to_all_environments(permit, request.application_id))
    changes: dict[str, Any] = request.model_dump(exclude_unset=True, exclude={"application_id"})

    before = ApplicationSettingsView.of(application)
    repository, image = application.repository, application.image
    if "repository" in changes:
        text = changes.pop("repository")
        repository = policy.admit(text).url if text is not None else None
        image = image if "image" in changes or repository is None else None
    settings = application.settings
    if "image" in changes:
        text = changes.pop("image")
        image = admit_image(text, policy).text if text is not None else None
        if image is not None:
            repository = None if request.repository is None else repository
            settings = settings.of_image()

    application.change(repository=repository, image=image, settings=ApplicationSettings.of(**{**asdict(settings), **changes}))
    await applications.save(application)

    view = ApplicationSettingsView.of(application)
    return Done(view, change=Change(*differences(dict(before), dict(view))))
