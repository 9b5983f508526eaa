"""A requested deployment begins: its application's namespace is there, and its build Job runs."""

from events.deploy import BuildFailed, DeploymentFailed, DeploymentRequested
from functions.deploy.domain import manifests
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.observation import APPLICATION_DESTROYED, CANCELLED, CLUSTER_REFUSED
from functions.deploy.domain.status import Status
from functions.deploy.domain.tenancy import tenancy
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Applications, Builds, BuildSettings, Cluster, ClusterRefused, Deployments
from functions.kernel import Clock, Work, effect


@effect(emits=[DeploymentTimedOut, BuildFailed, DeploymentFailed])
async def on_deployment_requested(
    requested: DeploymentRequested,
    applications: Applications,
    deployments: Deployments,
    builds: Builds,
    cluster: Cluster,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        deployment = await deployments.get(requested.deployment_id)
        application = await applications.get(deployment.application_id)
    if deployment.status is not Status.REQUESTED:
        return
    attempt = deployment.attempt

    settings = builds.settings()
    refused: ClusterRefused | None = None
    try:
        await cluster.apply(
            *tenancy(application.name, application.id, settings.egress_allow),
            build_of(deployment, application.repository, settings),
        )
    except ClusterRefused as error:
        refused = error

    async with work.recording() as record:
        deployment = await deployments.locked(deployment.id)
        now = clock.now()
        progress = deployment.fail(CLUSTER_REFUSED, str(refused), now) if refused else deployment.building(attempt, now)
        await deployments.save(deployment)
        record.emit(*progress.events)

    if deployment.reason == APPLICATION_DESTROYED:  # while the call was under way: what it made must not outlive the application
        await cluster.remove_namespace(deployment.namespace, deployment.application_id)
    elif deployment.reason == CANCELLED:
        await cluster.remove_job(deployment.namespace, deployment.job)


def build_of(deployment: Deployment, repository: str, settings: BuildSettings) -> manifests.Manifest:
    parameters = {
        **settings.environment,
        "APPLICATION": deployment.application,
        "BASE_DIRECTORY": deployment.terms.directory or "",
        "IMAGE": f"{settings.images}/{deployment.application}",
        "REF": deployment.ref or "",
        "REPOSITORY": repository,
    }
    return manifests.build_job(
        settings.template,
        parameters=parameters,
        application=deployment.application,
        attempt=deployment.attempt,
        labels=deployment.labels,
    )
