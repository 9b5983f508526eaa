"""Learn of an application that a team has.

A team with applications is not deleted, and grants name them.
"""

from events.deploy import ApplicationCreated
from functions.auth.ports import Teams
from functions.kernel import Done, Scale, on


@on(scale=Scale(max=2, concurrency=64, batch=16))
async def on_application_created(event: ApplicationCreated, teams: Teams) -> Done[None]:
    await teams.add_application(event.user_id, event.application_id)
    return Done(None)
