"""Learn the address of a team for notifications."""

from events.teams import TeamChanged
from functions.kernel import Done, Scale, on
from functions.monitor.ports import Addresses, Memberships


@on(scale=Scale(max=2, pool=2))
async def on_team_changed(event: TeamChanged, addresses: Addresses, memberships: Memberships) -> Done[None]:
    await memberships.save_team(event.team_id, event.name)
    await addresses.keep(event.team_id, event.email, event.at)
    return Done(None)
