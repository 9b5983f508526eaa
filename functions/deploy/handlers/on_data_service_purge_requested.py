"""Delete the data of a service after its grace period."""

from events.data_services import DataServicePurgeRequested
from functions.deploy.ports import DataServices, ServiceBackups, ServiceBackupStore, ServiceProvisioners
from functions.kernel import Clock, Order, Retry, Work, effect


@effect(order=Order.ANY, retry=Retry(attempts=12))
async def on_data_service_purge_requested(
    event: DataServicePurgeRequested,
    services: DataServices,
    provisioners: ServiceProvisioners,
    backups: ServiceBackups,
    store: ServiceBackupStore,
    clock: Clock,
    work: Work,
) -> None:
    async with work.preparing():  # before the data go: no `undelete` succeeds from here on
        service = await services.lock_any(event.service_id)
        if service is None or not service.begin_purge(clock.now()):
            return
        await services.save(service)

    if service.is_provisioned:
        await provisioners.of(service).delete(service.database)
        await store.delete_all(service.id)

    async with work.recording():
        stored = await services.lock_any(service.id)
        assert stored is not None, "rows of services are kept"
        await backups.delete_all(service.id)
        stored.complete_purge()
        await services.save(stored)
