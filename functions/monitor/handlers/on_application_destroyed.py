"""A destroyed application stays readable to its owner until its logs are gone."""

from events.deploy import ApplicationDestroyed
from functions.kernel import Done, on
from functions.monitor.domain.applications import Application
from functions.monitor.ports import Applications


@on()
async def on_application_destroyed(event: ApplicationDestroyed, applications: Applications) -> Done[None]:
    await applications.keep(Application(event.application_id, event.user_id, event.name, destroyed_at=event.at))
    return Done(None)
