"""Deployments under observation, on the in-memory Capsule."""

from functions.deploy.domain.deployment import Deployment
from functions.deploy.queries.application import ApplicationView, ShowApplication
from functions.deploy.queries.deployment import DeploymentView, ShowDeployment
from tests.deploy.deploy_capsule import OTHER_IMAGE, OWNER, DeployCapsule


async def view_of(capsule: DeployCapsule, deployment: Deployment) -> DeploymentView:
    request = ShowDeployment(application_id=deployment.application_id, deployment_id=deployment.id)
    view: DeploymentView = await capsule.call(request, caller=OWNER)
    return view


async def environment_summaries(capsule: DeployCapsule, deployment: Deployment) -> list[str]:
    view: ApplicationView = await capsule.call(ShowApplication(application_id=deployment.application_id), caller=OWNER)
    return [each.summary for each in view.environments]


async def observe_second_release(capsule: DeployCapsule, image: str = OTHER_IMAGE) -> tuple[Deployment, Deployment]:
    """Release r1 to production, then r2, which has just got the traffic. Returns both deployments."""
    good = await capsule.release(environment="production")
    assert good.status == "succeeded"
    await capsule.advance(minutes=1)
    accepted = await capsule.deploy(good.application_id, "production")
    await capsule.settle()
    observing = await capsule.become_ready(await capsule.succeed_build(await capsule.deployments.get(accepted.id), image))
    assert observing.status == "observing"
    return good, observing
