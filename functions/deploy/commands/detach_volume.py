"""Detach a volume from its environment.

Redeploys what serves there without it, unless `deploy` is false. The volume and its files stay.
"""

from uuid import UUID

from events.deployments import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested
from events.volumes import VolumeDetached
from functions.deploy.domain.configuration_views import ConfigurationAccepted
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound, HostNameReserved
from functions.deploy.domain.volume_rejections import VolumeNotAttached, VolumeNotFound
from functions.deploy.ports import Applications, Environments, Volumes
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.configuration_changer import ConfigurationChanger
from functions.deploy.services.deployment_starter import REJECTIONS
from functions.kernel import Change, Clock, Done, Model, Origin, Permission, Permit, command


class DetachVolume(Model):
    application_id: UUID
    volume_id: UUID
    deploy: bool = True
    """Whether to redeploy what serves now. If false, it has the volume until the next deployment."""


@command(
    http="DELETE /v1/apps/{application_id}/volumes/{volume_id}/attachment",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound, VolumeNotFound, VolumeNotAttached, HostNameReserved, *REJECTIONS],
    emits=[VolumeDetached, DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def detach_volume(
    request: DetachVolume,
    applications: Applications,
    environments: Environments,
    volumes: Volumes,
    changer: ConfigurationChanger,
    control: AccessControl,
    permit: Permit,
    origin: Origin,
    clock: Clock,
) -> Done[ConfigurationAccepted]:
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.lock(checked)
    volume = await volumes.lock(application.id, request.volume_id)
    if volume.environment is None:
        raise VolumeNotAttached.of(volume.name)
    checked.require_in(volume.environment)
    environment = await environments.get(application, volume.environment)
    before = {"volume": volume.name, "environment": volume.environment, "mountPath": volume.mount_path}
    detached = volume.detach(application.user_id, clock.now())
    await volumes.save(volume)
    deployments, events = await changer.redeploy(application, [environment] if request.deploy else [], origin)

    return Done(ConfigurationAccepted.of(application, deployments), *detached, *events, change=Change(before=before))
