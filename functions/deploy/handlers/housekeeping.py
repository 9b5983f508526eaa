"""What was lost is found: deployments whose reminder has not come are nudged; the runtime's own tables are swept."""

from events.deploy import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested, DeploymentRollbackStarted
from functions.deploy.domain.facts import nudges
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Deployments, Housekeeping
from functions.kernel import Clock, Work, every
from functions.kernel.sagas import STUCK_AFTER

AT_ONCE = 100


@every(
    "*/10 * * * *", emits=[DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRollbackStarted, DeploymentTimedOut]
)
async def housekeeping(housekeeping: Housekeeping, deployments: Deployments, clock: Clock, work: Work) -> None:
    await housekeeping.sweep()

    async with work.reading():
        stuck = await deployments.stuck(since=clock.now() - STUCK_AFTER, limit=AT_ONCE)

    async with work.recording() as record:
        for deployment in stuck:
            record.emit(*nudges(deployment))
