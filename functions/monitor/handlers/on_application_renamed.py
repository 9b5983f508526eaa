"""Store the new name of an application."""

from events.deploy import ApplicationRenamed
from functions.kernel import Done, on
from functions.monitor.domain.applications import Application
from functions.monitor.ports import Applications


@on()
async def on_application_renamed(event: ApplicationRenamed, applications: Applications) -> Done[None]:
    await applications.rename(Application(event.application_id, event.user_id, event.name))
    return Done(None)
