"""Change the build settings of an application.

Omitted fields keep their value; `null` clears a field. Takes effect at the next build.
"""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound, InvalidSettings
from functions.deploy.ports import Applications
from functions.kernel import Caller, Done, Model, command


class ChangeApplication(Model):
    """Omitted fields keep their value; `null` clears a field."""

    application_id: UUID
    health_path: str | None = None
    """HTTP path that returns 2xx or 3xx when an instance is healthy."""
    release_command: str | None = None
    """Runs before a release takes traffic. Takes precedence over the Procfile's `release:` line."""
    directory: str | None = None
    """Folder of the application in the repository."""


class ApplicationSettingsView(Model):
    id: UUID
    health_path: str | None
    release_command: str | None
    directory: str | None


@command(http="PATCH /v1/apps/{application_id}", rejects=[ApplicationNotFound, InvalidSettings])
async def change_application(request: ChangeApplication, applications: Applications, caller: Caller) -> Done[ApplicationSettingsView]:
    application = await applications.lock_owned(request.application_id, caller.user_id)

    fields = request.model_fields_set
    application.change_settings(
        health_path=request.health_path if "health_path" in fields else application.health_path,
        release_command=request.release_command if "release_command" in fields else application.release_command,
        directory=request.directory if "directory" in fields else application.directory,
    )
    await applications.save(application)

    return Done(
        ApplicationSettingsView(
            id=application.id,
            health_path=application.health_path,
            release_command=application.release_command,
            directory=application.directory,
        )
    )
