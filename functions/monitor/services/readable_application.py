"""Read access to an application, for its owner and for admins."""

from uuid import UUID

from functions.kernel import Caller
from functions.monitor.domain.applications import Application
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.ports import Applications


async def readable_application(applications: Applications, application_id: UUID, caller: Caller) -> Application:
    """The application, for its owner and for admins. Raises ApplicationNotFound for everyone else."""
    application = await applications.get(application_id)
    if application is None or not application.readable_by(caller):
        raise ApplicationNotFound
    return application
