"""What was lost is found: deployments that have been quiet for too long are nudged; the runtime's own tables are swept."""

from events.deploy import DeploymentPreparing, DeploymentReleasing, DeploymentRequested, DeploymentRollingBack
from functions.deploy.domain.facts import nudges
from functions.deploy.domain.timeouts import QUIET, DeploymentTimedOut
from functions.deploy.ports import Deployments, Housekeeping
from functions.kernel import Clock, Work, every

AT_ONCE = 100


@every("*/10 * * * *", emits=[DeploymentRequested, DeploymentPreparing, DeploymentReleasing, DeploymentRollingBack, DeploymentTimedOut])
async def every_ten_minutes_housekeeping(housekeeping: Housekeeping, deployments: Deployments, clock: Clock, work: Work) -> None:
    await housekeeping.sweep()

    async with work.reading():
        quiet = await deployments.quiet(since=clock.now() - QUIET, limit=AT_ONCE)

    async with work.recording() as record:
        for deployment in quiet:
            record.emit(*nudges(deployment))
