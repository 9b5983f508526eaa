"""Read access to an application, for its owner and for admins, and the names of its environments."""

from uuid import UUID

from functions.kernel import Caller
from functions.monitor.domain.applications import DEFAULT_ENVIRONMENTS, Application
from functions.monitor.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.monitor.ports import Applications


async def readable_application(applications: Applications, application_id: UUID, caller: Caller) -> Application:
    """The application, for its owner and for admins. Raises ApplicationNotFound for everyone else."""
    application = await applications.get(application_id)
    if application is None or not application.readable_by(caller):
        raise ApplicationNotFound
    return application


async def check_environment(applications: Applications, application: Application, name: str | None) -> None:
    """Raises EnvironmentNotFound with the existing names. Environments of the platform are its functions: any name is accepted."""
    if name is None or name in DEFAULT_ENVIRONMENTS or application.is_platform:
        return
    existing = {*DEFAULT_ENVIRONMENTS, *await applications.environments(application.id)}
    if name not in existing:
        raise EnvironmentNotFound.of(application.name, name, existing)
