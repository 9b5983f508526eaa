"""Measure a database against the storage of its plan.

Over it, its logins may read and delete only until the database is smaller again.
"""

from events.data_services import DataServiceMeasurementRequested, DataServiceStorageExceeded
from functions.deploy.domain.data_service import ServiceState
from functions.deploy.ports import Applications, DataServices, ServiceProvisioners
from functions.kernel import Clock, Order, Retry, Work, effect


@effect(order=Order.ANY, emits=[DataServiceStorageExceeded, DataServiceMeasurementRequested], retry=Retry(attempts=2))
async def on_data_service_measurement_requested(
    event: DataServiceMeasurementRequested,
    services: DataServices,
    applications: Applications,
    provisioners: ServiceProvisioners,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        service = await services.find(event.service_id)
    if service is None or service.state is not ServiceState.READY or not service.is_provisioned:
        return
    provisioner = provisioners.of(service)
    if service.storage_exceeded_at is not None:
        await provisioner.reclaim(service.database)
    usage = await provisioner.usage(service.database)
    following = service.next_measurement(usage.size_bytes, event.repeats)
    if service.crosses_limit(usage.size_bytes):
        await provisioner.set_writable(service.database, service.storage_exceeded_at is not None)
    elif not following:
        return

    async with work.recording() as record:
        application = await applications.lock_any(event.application_id)
        stored = await services.lock_any(service.id)
        assert stored is not None, "rows of services are kept"
        record.emit(*stored.cross_limit(usage.size_bytes, application.user_id, clock.now()), *following)
        await services.save(stored)
