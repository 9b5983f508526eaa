"""Refresh what the cluster has of a volume.

Creates its storage, lets it grow, or fills another claim with a snapshot; deletes claims of before a restore an hour later.
"""

from contextlib import AsyncExitStack

from events.deployments import DeploymentReleaseStarted, DeploymentRequested
from events.volumes import VolumeCreated, VolumeRefreshRequested, VolumeResized, VolumeRestored
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.operation import OperationKind
from functions.deploy.services.operation_recorder import OperationRecorder
from functions.deploy.services.volume_refresher import VolumeRefresher
from functions.kernel import Origin, Retry, Work, effect


@effect(
    emits=[
        *(VolumeCreated, VolumeRefreshRequested, VolumeResized, VolumeRestored),
        *(DeploymentRequested, DeploymentReleaseStarted, DeploymentTimedOut),
    ],
    retry=Retry(attempts=12),
)
async def on_volume_refresh_requested(
    event: VolumeRefreshRequested,
    refresher: VolumeRefresher,
    recorder: OperationRecorder,
    origin: Origin,
    work: Work,
) -> None:
    async with AsyncExitStack() as attempt:
        if event.operation:
            await attempt.enter_async_context(recorder.attempt(OperationKind(event.operation), event.application_id, None, event.at, work))
        try:
            has_storage = await refresher.provide(event.volume_id, event.operation, work)
            if has_storage and event.operation:
                async with work.recording() as record:
                    record.emit(*await refresher.record(event.volume_id, event.operation, origin))
                    await recorder.succeed(OperationKind(event.operation), event.application_id, None, event.at)
        except Exception as error:
            if work.is_final(error):
                async with work.preparing():
                    await refresher.fail(event.volume_id, event.operation, error)
                if event.operation == OperationKind.VOLUME_RESTORE:
                    await refresher.delete_unrestored(event.volume_id, work)
            raise
        if not has_storage and event.operation == OperationKind.VOLUME_RESTORE:
            await refresher.delete_unrestored(event.volume_id, work)
        elif has_storage and not event.operation:
            await refresher.delete_former(event.volume_id, work)
