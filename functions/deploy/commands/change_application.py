"""A user says where in its repository an application lies, how its releases show that they are well, and what runs before one takes traffic."""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound, InvalidSettings
from functions.deploy.ports import Applications
from functions.kernel import Caller, Done, Model, command


class ChangeApplication(Model):
    """What is left out stays; null takes it away. It counts from the next build on."""

    application_id: UUID
    health_path: str | None = None
    """Answers with 2xx or 3xx when an instance is well."""
    release_command: str | None = None
    """Goes before the Procfile's `release:`."""
    directory: str | None = None
    """Where in the repository the application lies."""


class ChangedApplication(Model):
    id: UUID
    health_path: str | None
    release_command: str | None
    directory: str | None


@command(http="PATCH /v1/apps/{application_id}", rejects=[ApplicationNotFound, InvalidSettings])
async def change_application(asked: ChangeApplication, applications: Applications, caller: Caller) -> Done[ChangedApplication]:
    application = (await applications.locked(asked.application_id)).owned_by(caller.user_id)

    said = asked.model_fields_set
    application.set_up(
        health_path=asked.health_path if "health_path" in said else application.health_path,
        release_command=asked.release_command if "release_command" in said else application.release_command,
        directory=asked.directory if "directory" in said else application.directory,
    )
    await applications.save(application)

    return Done(
        ChangedApplication(
            id=application.id,
            health_path=application.health_path,
            release_command=application.release_command,
            directory=application.directory,
        )
    )
