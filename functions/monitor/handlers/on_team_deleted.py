"""Delete what is stored about a deleted team.

That is the address, webhooks, and logs, metrics and alerts of applications that it had.
"""

from events.teams import TeamDeleted
from functions.kernel import Work, effect
from functions.monitor.ports import Erasures, Memberships
from functions.monitor.services.erasure import Erasure


@effect()
async def on_team_deleted(event: TeamDeleted, erasures: Erasures, erasure: Erasure, memberships: Memberships, work: Work) -> None:
    async with work.preparing():
        await erasures.add(event.team_id, event.at)
        await memberships.remove_team(event.team_id)
    await erasure.erase(event.team_id, work)
    async with work.recording():
        pass  # claims the message: everything before is idempotent
