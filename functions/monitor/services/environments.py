"""The names of an application's environments."""

from functions.monitor.domain.applications import DEFAULT_ENVIRONMENTS, Application
from functions.monitor.domain.rejections import EnvironmentNotFound
from functions.monitor.ports import Applications


async def check_environment(applications: Applications, application: Application, name: str | None) -> None:
    """Raises EnvironmentNotFound with the existing names. Environments of the platform are its functions: any name is accepted."""
    if name is None or name in DEFAULT_ENVIRONMENTS or application.is_platform:
        return
    existing = {*DEFAULT_ENVIRONMENTS, *await applications.environments(application.id)}
    if name not in existing:
        raise EnvironmentNotFound.of(application.name, name, existing)
