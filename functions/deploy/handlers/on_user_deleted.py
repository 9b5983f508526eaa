"""Delete the applications of a deleted user.

Nothing new can be created for the user: a request or an event that arrives later finds a quota of nothing. Idempotent.
"""

from events.auth import UserDeleted
from events.deploy import ApplicationDeleted, BuildFailed, DeploymentFailed
from functions.deploy.ports import Applications, Quotas
from functions.deploy.services.application_deletion import ApplicationDeletion
from functions.kernel import Clock, Done, OutgoingMessage, on

PAGE_SIZE = 100


@on(emits=[ApplicationDeleted, BuildFailed, DeploymentFailed])
async def on_user_deleted(event: UserDeleted, applications: Applications, quotas: Quotas, deletion: ApplicationDeletion, clock: Clock) -> Done[None]:
    await quotas.close(event.user_id, event.at)
    events: list[OutgoingMessage] = []
    while page := await applications.page([event.user_id], before=None, limit=PAGE_SIZE):
        for application in page:
            events += await deletion.delete(await applications.lock_any(application.id), clock.now())
    return Done(None, *events)
