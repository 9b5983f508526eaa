"""What exists of an application: itself, and the names of its environments.

What was deleted stays readable until its logs expire; nothing new is made for it.
"""

from functions.monitor.domain.applications import DEFAULT_ENVIRONMENTS, Application
from functions.monitor.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.monitor.ports import Applications


async def check_environment(applications: Applications, application: Application, name: str | None) -> None:
    """Raises EnvironmentNotFound with the existing names. Environments of the platform are its functions: any name is accepted."""
    if name is None or name in DEFAULT_ENVIRONMENTS or application.is_platform:
        return
    existing = {*DEFAULT_ENVIRONMENTS, *await applications.environments(application.id)}
    if name not in existing:
        raise EnvironmentNotFound.of(application.name, name, existing)


async def check_existing_environment(applications: Applications, application: Application, name: str | None) -> None:
    """As `check_environment`, and refuses what was deleted. Raises ApplicationNotFound, EnvironmentNotFound with the names that exist.

    Lock the application before: until the transaction ends nothing of it is recorded as deleted.
    """
    check_existing(application)
    await check_environment(applications, application, name)
    deleted = await applications.deleted_environments(application.id)
    if name in deleted and not application.is_platform:
        known = {*DEFAULT_ENVIRONMENTS, *await applications.environments(application.id)}
        raise EnvironmentNotFound.of(application.name, str(name), known - {*deleted})


def check_existing(application: Application) -> None:
    """Raises ApplicationNotFound if it was deleted."""
    if application.deleted_at is not None:
        raise ApplicationNotFound.deleted(application.name, application.deleted_at)
