"""Grant a new team the default quota, and learn its name."""

from events.teams import TeamChanged
from functions.deploy.domain.quota import Quota
from functions.deploy.ports import Memberships, Quotas
from functions.kernel import Done, Scale, on


@on(scale=Scale(max=2))
async def on_team_changed(event: TeamChanged, memberships: Memberships, quotas: Quotas) -> Done[None]:
    await memberships.save_team(event.team_id, event.name)
    await quotas.grant(Quota.default(event.team_id, event.at))
    return Done(None)
