"""Create a volume for an application.

Returns 202: follow the operation, then attach the volume to an environment. Its size is taken from the quota of the plan.
"""

from uuid import UUID

from events.volumes import VolumeRefreshRequested
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound, OverQuota, SubscriptionSuspended, UsageExhausted
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.domain.storage_rejections import VolumeQuotaExceeded
from functions.deploy.domain.volume import MAX_VOLUMES, Volume
from functions.deploy.domain.volume_rejections import InvalidVolume, TooManyVolumes, VolumeNameTaken
from functions.deploy.domain.volume_views import VolumeAccepted
from functions.deploy.ports import Applications, Operations, Volumes
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.storage_admission import StorageAdmission
from functions.kernel import Change, Clock, Done, Int32, Model, Permission, Permit, Text, command

DEFAULT_SIZE_MIB = 1024


class CreateVolume(Model):
    application_id: UUID
    name: Text
    size_mib: Int32 = DEFAULT_SIZE_MIB


@command(
    http="POST /v1/apps/{application_id}/volumes",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[
        *(ApplicationNotFound, InvalidVolume, VolumeNameTaken, TooManyVolumes, VolumeQuotaExceeded),
        *(OverQuota, SubscriptionSuspended, UsageExhausted),
    ],
    emits=[VolumeRefreshRequested],
)
async def create_volume(
    request: CreateVolume,
    applications: Applications,
    volumes: Volumes,
    admission: StorageAdmission,
    operations: Operations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[VolumeAccepted]:
    application = await applications.lock(await control.to_application(permit, request.application_id))
    if len(await volumes.list_of(application.id)) >= MAX_VOLUMES:
        raise TooManyVolumes.of(application.name, MAX_VOLUMES)
    now = clock.now()
    volume, events = Volume.request(application, request.name, request.size_mib, now)
    await admission.admit(application.user_id, StorageAmounts(volumes=1, volumes_mib=volume.size_mib))

    await volumes.add(volume)
    operation = Operation.start(OperationKind.VOLUME_CREATION, application, None, now)
    await operations.add(operation)

    return Done(VolumeAccepted.accepted(volume, operation.id), *events, change=Change(after={"volume": volume.name, "sizeMib": volume.size_mib}))
