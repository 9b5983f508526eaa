"""Resume stuck deployments, end grace periods with a lost reminder, and sweep the runtime's tables."""

from datetime import timedelta

from events.deploy import (
    AccountReviewRequested,
    DeploymentPreparationStarted,
    DeploymentReleaseStarted,
    DeploymentRequested,
    DeploymentRollbackStarted,
)
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.deployment.events import resent_events
from functions.deploy.ports import Deployments, Housekeeping, Quotas, Runs
from functions.kernel import Clock, Work, every
from functions.kernel.sagas import STUCK_AFTER

BATCH_SIZE = 100
RUN_RETENTION = timedelta(days=30)


@every(
    "*/10 * * * *",
    emits=[
        *(AccountReviewRequested, DeploymentRequested, DeploymentPreparationStarted),
        *(DeploymentReleaseStarted, DeploymentRollbackStarted, DeploymentTimedOut),
    ],
)
async def housekeeping(housekeeping: Housekeeping, deployments: Deployments, quotas: Quotas, runs: Runs, clock: Clock, work: Work) -> None:
    await housekeeping.sweep()

    async with work.reading():
        stuck = await deployments.list_stuck(due_before=clock.now() - STUCK_AFTER, limit=BATCH_SIZE)
        to_pause = await quotas.list_to_pause(clock.now(), BATCH_SIZE)

    async with work.recording() as record:
        await runs.delete_before(clock.now() - RUN_RETENTION)
        for deployment in stuck:
            record.emit(*resent_events(deployment))
        record.emit(*(AccountReviewRequested(user_id=each) for each in to_pause))
