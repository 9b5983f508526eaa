"""Learn that an application was moved to another team.

Grants of the former team that name it end, also when a newer transfer was here first.
"""

from events.deploy import ApplicationTransferred
from events.teams import TeamMembershipChanged
from functions.auth.ports import Teams
from functions.auth.services.grants import Grants
from functions.kernel import Clock, Done, Order, Scale, on


@on(emits=[TeamMembershipChanged], order=Order.ANY, scale=Scale(max=2))
async def on_application_transferred(event: ApplicationTransferred, teams: Teams, grants: Grants, clock: Clock) -> Done[None]:
    former = await teams.lock_any(event.former_user_id)
    await teams.transfer_application(event.application_id, event.user_id, event.at)
    if former is None:
        return Done(None)
    return Done(None, *await grants.end(former.id, lambda grant: grant.application_id == event.application_id, clock.now()))
