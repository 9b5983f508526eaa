"""Delete the quota of a deleted team.

With an application that was created while the team was being deleted. One that was transferred to it meanwhile goes back to
its former team. Idempotent.
"""

from events.data_services import DataServiceDeleted, DataServicePurgeRequested
from events.deploy import AccountReviewRequested, ApplicationDeleted, ApplicationTransferred
from events.deployments import BuildFailed, DeploymentFailed
from events.domains import DomainRefreshRequested, DomainRemoved
from events.teams import TeamDeleted
from events.volumes import VolumeDeleted
from functions.deploy.ports import Memberships
from functions.deploy.services.account_closing import AccountClosing
from functions.kernel import Done, Scale, on


@on(
    emits=[
        AccountReviewRequested,
        ApplicationDeleted,
        ApplicationTransferred,
        BuildFailed,
        DataServiceDeleted,
        DataServicePurgeRequested,
        DeploymentFailed,
        DomainRefreshRequested,
        DomainRemoved,
        VolumeDeleted,
    ],
    scale=Scale(max=2),
)
async def on_team_deleted(event: TeamDeleted, closing: AccountClosing, memberships: Memberships) -> Done[None]:
    await memberships.remove_team(event.team_id)
    return Done(None, *await closing.close(event.team_id, event.at))
