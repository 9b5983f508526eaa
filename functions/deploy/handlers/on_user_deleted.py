"""Delete the applications of a deleted user.

Nothing new can be created for the user: a request or an event that arrives later finds a quota of nothing. Idempotent.
"""

from events.auth import UserDeleted
from events.data_services import DataServiceDeleted, DataServicePurgeRequested
from events.deploy import AccountReviewRequested, ApplicationDeleted, ApplicationTransferred
from events.deployments import BuildFailed, DeploymentFailed
from events.domains import DomainRefreshRequested, DomainRemoved
from events.volumes import VolumeDeleted
from functions.deploy.services.account_closing import AccountClosing
from functions.kernel import Done, on


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
    ]
)
async def on_user_deleted(event: UserDeleted, closing: AccountClosing) -> Done[None]:
    return Done(None, *await closing.close(event.user_id, event.at))
