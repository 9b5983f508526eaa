"""Attach a volume to processes of an environment.

They have its files at the mount path, and what serves there is redeployed unless `deploy` is false. Several process types share
it. During a release, instances of both releases have it. Idempotent.
"""

from uuid import UUID

from pydantic import Field

from events.deployments import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested
from events.volumes import VolumeAttached
from functions.deploy.domain.configuration_views import ConfigurationAccepted
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound, HostNameReserved
from functions.deploy.domain.volume_rejections import InvalidVolume, MountPathInUse, VolumeIsAttached, VolumeNotFound, VolumeNotReady
from functions.deploy.domain.volume_rules import unknown_process_errors
from functions.deploy.ports import Applications, Environments, Volumes
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.configuration_changer import ConfigurationChanger
from functions.deploy.services.deployment_starter import REJECTIONS
from functions.deploy.services.process_types import ProcessTypes
from functions.kernel import Change, Clock, Done, Model, Origin, Permission, Permit, Text, command


class AttachVolume(Model):
    application_id: UUID
    volume_id: UUID
    environment: EnvironmentName
    mount_path: Text
    """As in `/app/media`."""
    processes: list[Text] = Field(default_factory=list, max_length=20)
    """Process types, `run` for one-off and release commands, `cron` for schedules. Empty: all of them."""
    deploy: bool = True
    """Whether to redeploy what serves now. If false, the volume is there from the next deployment on."""


@command(
    http="PUT /v1/apps/{application_id}/volumes/{volume_id}/attachment",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[
        *(ApplicationNotFound, EnvironmentNotFound, VolumeNotFound, VolumeNotReady, VolumeIsAttached, InvalidVolume, MountPathInUse),
        *(HostNameReserved, *REJECTIONS),
    ],
    emits=[VolumeAttached, DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def attach_volume(
    request: AttachVolume,
    applications: Applications,
    environments: Environments,
    volumes: Volumes,
    process_types: ProcessTypes,
    changer: ConfigurationChanger,
    control: AccessControl,
    permit: Permit,
    origin: Origin,
    clock: Clock,
) -> Done[ConfigurationAccepted]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)
    volume = await volumes.lock(application.id, request.volume_id)
    others = await volumes.list_of(application.id)
    if (known := await process_types.of(application.id, environment)) and (errors := unknown_process_errors(request.processes, known)):
        raise InvalidVolume.of(errors)
    attached = volume.attach(environment.name, request.mount_path, request.processes, others, application.user_id, clock.now())
    if not attached:
        return Done(ConfigurationAccepted.of(application))
    await volumes.save(volume)
    deployments, events = await changer.redeploy(application, [environment] if request.deploy else [], origin)

    change = Change(after={"volume": volume.name, "mountPath": volume.mount_path, "processes": volume.processes})
    return Done(ConfigurationAccepted.of(application, deployments), *attached, *events, change=change)
