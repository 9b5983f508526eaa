"""End the grants that name a deleted environment.

Another environment of the same name, created later, is nobody's by an old grant.
"""

from events.deploy import EnvironmentDeleted
from events.teams import TeamMembershipChanged
from functions.auth.ports import Teams
from functions.auth.services.grants import Grants
from functions.kernel import Clock, Done, Order, Scale, on


@on(emits=[TeamMembershipChanged], order=Order.ANY, scale=Scale(max=2))
async def on_environment_deleted(event: EnvironmentDeleted, teams: Teams, grants: Grants, clock: Clock) -> Done[None]:
    team = await teams.lock_any(event.user_id)
    await teams.record_environment(event.application_id, event.environment, is_deleted=True, at=event.at)
    known = (await teams.list_environments([event.application_id]))[event.application_id]
    if team is None or known.may_have(event.environment):  # created again meanwhile: this event comes late
        return Done(None)
    ended = (event.application_id, event.environment)
    return Done(None, *await grants.end(team.id, lambda grant: (grant.application_id, grant.environment) == ended, clock.now()))
