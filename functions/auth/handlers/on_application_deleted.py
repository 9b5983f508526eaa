"""Learn that an application of a team was deleted."""

from events.deploy import ApplicationDeleted
from functions.auth.ports import Teams
from functions.kernel import Done, Scale, on


@on(scale=Scale(max=2))
async def on_application_deleted(event: ApplicationDeleted, teams: Teams) -> Done[None]:
    await teams.remove_application(event.user_id, event.application_id)
    return Done(None)
