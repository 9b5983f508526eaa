"""Store what a member of a team may do.

The event has the whole state: the newest one of a membership counts.
"""

from events.teams import TeamMembershipChanged
from functions.deploy.ports import Memberships
from functions.kernel import Done, Grant, Membership, Role, Scale, on


@on(scale=Scale(max=2))
async def on_team_membership_changed(event: TeamMembershipChanged, memberships: Memberships) -> Done[None]:
    if event.role is None:
        await memberships.remove(event.membership_id)
        return Done(None)
    grants = tuple(Grant(each.application_id, each.environment) for each in event.grants)
    await memberships.save(Membership(event.membership_id, event.team_id, event.user_id, Role(event.role), grants))
    return Done(None)
