"""Store a backup of a data service.

A failure is recorded with its reason. What an attempt that was killed has left is no backup.
"""

from events.backups import BackupCreated, BackupFailed, BackupPurgeRequested, BackupRequested, DataServiceRestoreRequested
from functions.deploy.domain.data_service import ServiceState
from functions.deploy.domain.service_backup import BackupState
from functions.deploy.ports import DataServices, ServiceBackups, ServiceBackupStore
from functions.deploy.services.backup_recorder import BackupRecorder
from functions.kernel import Order, Permanent, Retry, Scale, Work, effect


@effect(
    emits=[BackupCreated, BackupFailed, BackupPurgeRequested, DataServiceRestoreRequested],
    order=Order.ANY,
    retry=Retry(attempts=6, first_delay_seconds=5),
    scale=Scale(max=2, concurrency=2),
)
async def on_backup_requested(
    event: BackupRequested,
    services: DataServices,
    backups: ServiceBackups,
    store: ServiceBackupStore,
    recorder: BackupRecorder,
    work: Work,
) -> None:
    async with work.reading():
        backup, service = await backups.get(event.service_id, event.backup_id), await services.find(event.service_id)
    if backup.state is not BackupState.RUNNING or service is None:
        return
    try:
        if service.state is not ServiceState.READY:
            raise Permanent(f"{service.name} is {service.state}")
        stored = await store.create(service, backup.id)
    except Exception as error:
        if not work.is_final(error):
            raise
        async with work.recording() as record:
            record.emit(*await recorder.fail(backup.id, str(error)))
        return

    async with work.recording() as record:
        record.emit(*await recorder.complete(backup.id, stored.size_bytes, stored.stored_bytes))
