"""Deploy a branch, tag or commit.

Returns 202; poll the deployment for its status.
"""

from uuid import UUID

from events.deployments import DeploymentRequested
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.deployment.views import DeploymentAccepted
from functions.deploy.domain.names import EnvironmentName, Ref, check_host_name
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    EnvironmentIsStopped,
    EnvironmentNotFound,
    HostNameReserved,
    InvalidRef,
)
from functions.deploy.ports import Applications, Environments
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.deployment_starter import REJECTIONS, DeploymentStarter
from functions.kernel import Done, Model, Origin, Permission, Permit, Text, command


class Deploy(Model):
    application_id: UUID
    environment: EnvironmentName
    ref: Text | None = None
    """A branch, tag or commit. Default: the application's branch, or else the repository's default branch."""


@command(
    http="POST /v1/apps/{application_id}/deployments",
    permission=Permission.APP_DEPLOY,
    status=202,
    rejects=[ApplicationNotFound, EnvironmentIsStopped, EnvironmentNotFound, HostNameReserved, InvalidRef, *REJECTIONS],
    emits=[DeploymentRequested, DeploymentTimedOut],
)
async def deploy(
    request: Deploy,
    applications: Applications,
    environments: Environments,
    starter: DeploymentStarter,
    control: AccessControl,
    permit: Permit,
    origin: Origin,
) -> Done[DeploymentAccepted]:
    ref = Ref(request.ref) if request.ref is not None else None
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)
    check_host_name(application.name, environment.name)

    deployment, events = await starter.deploy_commit(application, environment, ref, origin)

    return Done(DeploymentAccepted.of(deployment), *events)
