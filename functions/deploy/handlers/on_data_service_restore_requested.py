"""Replace the data of a data service by those of a backup."""

from events.backups import BackupFailed, BackupRestored, DataServiceRestoreRequested
from functions.deploy.domain.data_service import ServiceState
from functions.deploy.domain.service_backup import RestoreState
from functions.deploy.ports import DataServices, ServiceBackups, ServiceBackupStore
from functions.kernel import Clock, Order, Permanent, Retry, Scale, Transient, Work, effect


@effect(
    emits=[BackupRestored, BackupFailed],
    order=Order.ANY,
    retry=Retry(attempts=10, first_delay_seconds=2),
    scale=Scale(max=2, concurrency=2),
)
async def on_data_service_restore_requested(
    event: DataServiceRestoreRequested, services: DataServices, backups: ServiceBackups, store: ServiceBackupStore, clock: Clock, work: Work
) -> None:
    async with work.preparing():
        restore = await backups.lock_restore(event.restore_id)
    if restore is None or restore.state is not RestoreState.RUNNING:
        return
    async with work.reading():
        source, target = await services.find(restore.source_id), await services.find(restore.service_id)
    if source is None or target is None:
        return
    reason = ""
    try:
        if target.state is ServiceState.CREATING:
            raise Transient(f"{target.name} is being created")
        if target.state is not ServiceState.READY:
            raise Permanent(f"{target.name} is {target.state}")
        await store.restore(source, restore.backup_id, target, restore.id)
    except Exception as error:
        if not work.is_final(error):
            raise
        reason = str(error)

    async with work.recording() as record:
        stored = await backups.lock_restore(restore.id)
        if stored is None:
            return
        now = clock.now()
        record.emit(*(stored.fail(target.name, event.user_id, reason, now) if reason else stored.complete(target.name, event.user_id, now)))
        await backups.save_restore(stored)
