"""Resume stuck deployments and sweep tables.

Erases applications a week after their deletion, and runs the runtime's clean-up.
"""

from datetime import timedelta

from events.deploy import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested, DeploymentRollbackStarted
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.deployment.events import resent_events
from functions.deploy.ports import Applications, Deployments, Housekeeping, Runs
from functions.kernel import Clock, Work, every
from functions.kernel.sagas import STUCK_AFTER

BATCH_SIZE = 100
RUN_RETENTION = timedelta(days=30)
DELETED_APPLICATION_RETENTION = timedelta(days=7)
"""Messages about a deleted application may arrive until then."""


@every(
    "*/10 * * * *", emits=[DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRollbackStarted, DeploymentTimedOut]
)
async def housekeeping(
    housekeeping: Housekeeping, applications: Applications, deployments: Deployments, runs: Runs, clock: Clock, work: Work
) -> None:
    await housekeeping.sweep()

    async with work.reading():
        stuck = await deployments.list_stuck(due_before=clock.now() - STUCK_AFTER, limit=BATCH_SIZE)

    async with work.recording() as record:
        await runs.delete_before(clock.now() - RUN_RETENTION)
        await applications.erase_deleted(clock.now() - DELETED_APPLICATION_RETENTION, BATCH_SIZE)
        for deployment in stuck:
            record.emit(*resent_events(deployment))
