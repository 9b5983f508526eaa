"""Verify a backup by a copy that is restored from it."""

from events.backups import BackupCreated, BackupFailed, BackupVerified
from functions.deploy.domain.data_service import ServiceState
from functions.deploy.domain.service_backup import BackupState
from functions.deploy.domain.service_backup_rejections import BackupNotFound
from functions.deploy.ports import DataServices, ServiceBackups, ServiceBackupStore
from functions.kernel import Clock, Order, Retry, Scale, Work, effect


@effect(emits=[BackupVerified, BackupFailed], order=Order.ANY, retry=Retry(attempts=6, first_delay_seconds=5), scale=Scale(max=2, concurrency=2))
async def on_backup_created(
    event: BackupCreated, services: DataServices, backups: ServiceBackups, store: ServiceBackupStore, clock: Clock, work: Work
) -> None:
    async with work.reading():
        try:
            backup, service = await backups.get(event.service_id, event.backup_id), await services.find(event.service_id)
        except BackupNotFound:
            return  # deleted since
    if backup.state is not BackupState.COMPLETE or service is None or service.state is not ServiceState.READY:
        return
    rows, reason = 0, ""
    try:
        rows = await store.verify(service, backup.id)
    except Exception as error:
        if not work.is_final(error):
            raise
        reason = str(error)

    async with work.recording() as record:
        stored = await backups.lock(backup.id)
        if stored is None or stored.state is not BackupState.COMPLETE:
            return
        now = clock.now()
        if reason:
            record.emit(*stored.fail_verification(service.name, event.user_id, reason, now))
        else:
            record.emit(*stored.verify(service.name, event.user_id, rows, now))
        await backups.save(stored)
