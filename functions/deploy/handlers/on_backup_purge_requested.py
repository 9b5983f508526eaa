"""Delete a backup of a data service from the store."""

from events.backups import BackupPurgeRequested
from functions.deploy.ports import ServiceBackups, ServiceBackupStore
from functions.kernel import Order, Retry, Work, effect


@effect(order=Order.ANY, retry=Retry(attempts=12))
async def on_backup_purge_requested(event: BackupPurgeRequested, backups: ServiceBackups, store: ServiceBackupStore, work: Work) -> None:
    await store.delete(event.service_id, event.backup_id)
    async with work.recording():
        await backups.delete(event.backup_id)
