"""Create the namespace and the build Job of a deployment."""

from events.deploy import BuildFailed, DeploymentFailed, DeploymentRequested
from functions.deploy.domain import manifests
from functions.deploy.domain.application_settings import Builder
from functions.deploy.domain.deployment import Deployment, DeploymentTimedOut, Status
from functions.deploy.domain.observation import APPLICATION_DELETED, CANCELLED, ENVIRONMENT_DELETED
from functions.deploy.domain.tenancy import tenancy
from functions.deploy.ports import Applications, Builds, BuildSettings, Cluster, ClusterRefused, Deployments
from functions.kernel import Clock, Work, effect


@effect(emits=[DeploymentTimedOut, BuildFailed, DeploymentFailed])
async def on_deployment_requested(
    event: DeploymentRequested,
    applications: Applications,
    deployments: Deployments,
    builds: Builds,
    cluster: Cluster,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        deployment = await deployments.get(event.deployment_id)
        application = await applications.get(deployment.application_id)
    if deployment.status is not Status.REQUESTED:
        return
    attempt = deployment.attempt

    settings = builds.settings()
    refusal: ClusterRefused | None = None
    try:
        await cluster.apply(
            *tenancy(application.name, application.id, settings.egress_allow),
            render_build_job(deployment, settings),
        )
    except ClusterRefused as error:
        refusal = error

    async with work.recording() as record:
        deployment = await deployments.lock(deployment.id)
        now = clock.now()
        events = deployment.refuse(str(refusal), now) if refusal else deployment.record_build_started(attempt, now)
        await deployments.save(deployment)
        record.emit(*events)

    # the deployment may have ended during the call: delete what the call has created
    if deployment.reason == APPLICATION_DELETED:
        await cluster.delete_namespace(deployment.namespace, deployment.application_id)
    elif deployment.reason in (CANCELLED, ENVIRONMENT_DELETED):
        await cluster.delete_job(deployment.namespace, deployment.build_job)


def render_build_job(deployment: Deployment, settings: BuildSettings) -> manifests.Manifest:
    """Render the build Job from the settings that the deployment froze. An empty parameter is not set."""
    terms = deployment.terms
    parameters = {
        **settings.environment,
        "APPLICATION": deployment.application,
        "BASE_DIRECTORY": terms.settings.directory or "",
        "BUILDER": "" if terms.settings.builder is Builder.AUTO else str(terms.settings.builder),
        "BUILD_COMMAND": terms.settings.build_command or "",
        "IMAGE": f"{settings.images}/{deployment.application}",
        "IMAGE_REFERENCE": terms.image or "",
        "REF": deployment.ref or "",
        "RELEASE_COMMAND": terms.settings.release_command or "",
        "REPOSITORY": terms.repository or "",
        "START_COMMAND": terms.settings.start_command or "",
    }
    return manifests.build_job(
        settings.template,
        parameters=parameters,
        application=deployment.application,
        attempt=deployment.attempt,
        labels=deployment.labels,
    )
