"""Create the namespace and the build Job of a deployment."""

from collections.abc import Sequence

from events.deployments import BuildFailed, DeploymentFailed, DeploymentRequested
from functions.deploy.domain import manifests
from functions.deploy.domain.application_settings import Builder
from functions.deploy.domain.build_secret import BuildSecret
from functions.deploy.domain.configuration import Entry, merge
from functions.deploy.domain.deployment import Deployment, DeploymentTimedOut, Status
from functions.deploy.domain.observation import APPLICATION_DELETED, CANCELLED, ENVIRONMENT_DELETED
from functions.deploy.domain.registry_access import registry_access
from functions.deploy.domain.release_facts import build_facts
from functions.deploy.domain.repository_access import RepositoryAccess
from functions.deploy.domain.tenancy import tenancy
from functions.deploy.ports import (
    Applications,
    Builds,
    BuildSettings,
    Cluster,
    ClusterRefused,
    Configurations,
    Deployments,
    Networks,
    RepositoryAccesses,
    Vault,
)
from functions.kernel import Clock, Work, effect


@effect(emits=[DeploymentTimedOut, BuildFailed, DeploymentFailed])
async def on_deployment_requested(
    event: DeploymentRequested,
    applications: Applications,
    deployments: Deployments,
    builds: Builds,
    networks: Networks,
    configurations: Configurations,
    accesses: RepositoryAccesses,
    vault: Vault,
    cluster: Cluster,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        deployment = await deployments.get(event.deployment_id)
        application = await applications.get_any(deployment.application_id)
        entries = await configurations.at(application.id, deployment.terms.config_version)
        access = await accesses.get(application.id)
    if deployment.status is not Status.REQUESTED:
        return
    attempt = deployment.attempt

    settings = builds.settings()
    secret = render_build_secret(deployment, entries, access, vault, settings)
    job = render_build_job(deployment, settings, secret)
    refusal: ClusterRefused | None = None
    try:
        limits = tenancy(application.name, application.id, await networks.egress())
        await cluster.apply(*limits, *registry_access(application.name, settings.registry))
        await cluster.apply_owned(job, secret.manifest(job))
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


def render_build_secret(
    deployment: Deployment, entries: Sequence[Entry], access: RepositoryAccess, vault: Vault, settings: BuildSettings
) -> BuildSecret:
    """Return what the build gets as files: the environment's variables and secrets, and the credentials of its repository."""
    effective, repository = merge(entries, deployment.environment).values(), deployment.terms.repository
    facts = build_facts(deployment.application, deployment.environment)
    return BuildSecret(
        variables={each.name: each.value or "" for each in effective if not each.is_secret} | facts,
        secrets={each.name: vault.open(each.sealed) for each in effective if each.sealed is not None and each.name not in facts},
        credentials=access.credential_files(repository, vault.open, settings.known_hosts) if repository else {},
    )


def render_build_job(deployment: Deployment, settings: BuildSettings, secret: BuildSecret) -> manifests.Manifest:
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
        secret=secret,
    )
