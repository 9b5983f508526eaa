"""Delete the address and webhooks of a deleted team.

Its memberships end. Housekeeping erases the logs, metrics and alerts of its applications an hour later: an application that was
transferred to another team just before is not the team's any more, and that event may arrive after this one.
"""

from events.teams import TeamDeleted
from functions.kernel import Done, on
from functions.monitor.ports import Erasures, Memberships, WebhookStore


@on()
async def on_team_deleted(event: TeamDeleted, erasures: Erasures, memberships: Memberships, webhooks: WebhookStore) -> Done[None]:
    await erasures.add(event.team_id, event.at)
    await memberships.remove_team(event.team_id)
    await webhooks.delete_of_team(event.team_id)
    return Done(None)
