"""Roll back an observed release with too many 5xx responses.

Any report, also one without requests, shows that the release is measured.

The share of errors is checked twice: in this measurement, so that earlier successes hide nothing, and in total, where
there are few requests.
"""

from events.cluster import RequestsMeasured
from events.deployments import DeploymentFailed, DeploymentRollbackStarted
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.ports import Deployments
from functions.kernel import Clock, Done, Order, OutgoingMessage, Scale, on


@on(emits=[DeploymentFailed, DeploymentRollbackStarted, DeploymentTimedOut], order=Order.ANY, scale=Scale(max=2))
async def on_requests_measured(event: RequestsMeasured, deployments: Deployments, clock: Clock) -> Done[None]:
    events: list[OutgoingMessage] = []
    for observed in await deployments.list_observed():
        windows = [each for each in event.windows if (each.namespace, each.revision) == (observed.namespace, observed.revision)]
        requests = sum(each.count for each in windows)
        errors = sum(each.count for each in windows if each.status >= 500)
        if not windows or (observed.measured_at and not requests):
            continue

        deployment = await deployments.lock(observed.id)
        events.extend(deployment.record_report(clock.now()))
        if requests:
            total = await deployments.add_traffic(deployment.id, requests, errors)
            for traffic in (total, (requests, errors)):
                events.extend(deployment.record_traffic(*traffic, clock.now()))
        await deployments.save(deployment)
    return Done(None, *events)
