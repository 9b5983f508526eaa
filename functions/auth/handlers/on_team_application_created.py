"""Learn of an application that a team has.

A team with applications is not deleted, and grants name them.
"""

from collections.abc import Sequence

from events.deploy import TeamApplicationCreated
from functions.auth.ports import Teams
from functions.kernel import Done, Scale, on


@on(scale=Scale(max=2, batch=32))
async def on_team_application_created(events: Sequence[TeamApplicationCreated], teams: Teams) -> Sequence[Done[None]]:
    await teams.add_applications([(event.user_id, event.application_id) for event in events])
    return [Done(None) for _ in events]
