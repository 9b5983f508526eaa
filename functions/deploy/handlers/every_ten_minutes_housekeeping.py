"""What was lost is found: deployments that have been quiet for too long are nudged; the runtime's own tables are swept."""

from events.deploy import BuildSucceeded, DeploymentRequested
from functions.deploy.domain.timeouts import QUIET, DeploymentTimedOut
from functions.deploy.ports import Deployments, Housekeeping, Releases
from functions.kernel import Clock, Work, every

AT_ONCE = 100


@every("*/10 * * * *", emits=[DeploymentRequested, BuildSucceeded, DeploymentTimedOut])
async def every_ten_minutes_housekeeping(housekeeping: Housekeeping, deployments: Deployments, releases: Releases, clock: Clock, work: Work) -> None:
    await housekeeping.sweep()

    async with work.reading():
        quiet = await deployments.quiet(since=clock.now() - QUIET, limit=AT_ONCE)
        stuck = [(each, await releases.get(each.release_id) if each.release_id else None) for each in quiet]

    async with work.recording() as record:
        for deployment, release in stuck:
            record.emit(*deployment.nudges(release))
