"""Resize a volume: it only grows.

Returns 202. It grows while it is in use. Until it has the new size, and where the storage cannot give it, `sizeMib` stays as it is;
`error` has the reason then, and the request can be repeated.
"""

from uuid import UUID

from events.volumes import VolumeRefreshRequested
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound, OverQuota, SubscriptionSuspended, UsageExhausted
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.domain.storage_rejections import VolumeQuotaExceeded
from functions.deploy.domain.volume_rejections import InvalidVolume, VolumeNotFound, VolumeNotReady
from functions.deploy.domain.volume_views import VolumeAccepted
from functions.deploy.ports import Applications, Operations, Volumes
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.storage_admission import StorageAdmission
from functions.kernel import Change, Clock, Done, Int32, Model, Permission, Permit, command


class ResizeVolume(Model):
    application_id: UUID
    volume_id: UUID
    size_mib: Int32


@command(
    http="POST /v1/apps/{application_id}/volumes/{volume_id}/resize",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[
        *(ApplicationNotFound, VolumeNotFound, VolumeNotReady, InvalidVolume, VolumeQuotaExceeded),
        *(OverQuota, SubscriptionSuspended, UsageExhausted),
    ],
    emits=[VolumeRefreshRequested],
)
async def resize_volume(
    request: ResizeVolume,
    applications: Applications,
    volumes: Volumes,
    admission: StorageAdmission,
    operations: Operations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[VolumeAccepted]:
    checked = await control.to_application(permit, request.application_id)
    application = await applications.lock(checked)
    volume = await volumes.lock(application.id, request.volume_id)
    if volume.environment is not None:
        checked.require_in(volume.environment)
    before, claimed, now = volume.size_mib, volume.claimed_mib, clock.now()
    events = volume.resize(request.size_mib, now)
    await admission.admit(application.user_id, StorageAmounts(volumes_mib=max(volume.claimed_mib - claimed, 0)))
    await volumes.save(volume)
    operation = Operation.start(OperationKind.VOLUME_RESIZE, application, None, now)
    await operations.add(operation)

    change = Change(before={"volume": volume.name, "sizeMib": before}, after={"sizeMib": request.size_mib})
    return Done(VolumeAccepted.accepted(volume, operation.id), *events, change=change)
