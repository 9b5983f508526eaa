"""Requests were measured: those of a release that is observed count, and too many errors among them take it back: among the last ones, so that many
good answers at first hide nothing, or among all, where there are few."""

from events.cluster import RequestsMeasured
from events.deploy import DeploymentFailed, DeploymentRollbackStarted
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Deployments
from functions.kernel import Clock, Delayed, Done, Event, Order, Scale, on


@on(emits=[DeploymentFailed, DeploymentRollbackStarted, DeploymentTimedOut], order=Order.ANY, scale=Scale(max=2))
async def on_requests_measured(measured: RequestsMeasured, deployments: Deployments, clock: Clock) -> Done[None]:
    told: list[Event | Delayed] = []
    for observed in await deployments.observed():
        windows = [each for each in measured.windows if (each.namespace, each.revision) == (observed.namespace, observed.revision)]
        requests = sum(each.count for each in windows)
        errors = sum(each.count for each in windows if each.status >= 500)
        if not requests:
            continue

        deployment = await deployments.locked(observed.id)
        in_all = await deployments.answered(deployment.id, requests, errors)
        for span in (in_all, (requests, errors)):
            told.extend(deployment.answered(*span, clock.now()).events)
        await deployments.save(deployment)
    return Done(None, *told)
