"""Refuse the former credentials of a data service.

Once every environment that is bound to it has been restarted with the new ones.
"""

from events.data_services import DataServiceCredentialsExpired
from functions.deploy.domain.data_service import OVERLAP
from functions.deploy.ports import DataServices, ServiceProvisioners
from functions.deploy.services.service_credentials import ServiceCredentials
from functions.kernel import Order, Retry, Work, after, effect


@effect(order=Order.ANY, emits=[DataServiceCredentialsExpired], retry=Retry(attempts=12))
async def on_data_service_credentials_expired(
    event: DataServiceCredentialsExpired, services: DataServices, provisioners: ServiceProvisioners, credentials: ServiceCredentials, work: Work
) -> None:
    async with work.reading():
        service = await services.find(event.service_id)
        if service is None or service.former_generation != event.generation:
            return
        is_in_use = not service.is_deleted and await credentials.are_former_in_use(service)
    if is_in_use:
        async with work.recording() as record:
            record.emit(after(OVERLAP, service.expiry()))
        return
    await provisioners.of(service).drop_login(service.database, service.login(event.generation))

    async with work.recording():
        stored = await services.lock_any(service.id)
        assert stored is not None, "rows of services are kept"
        stored.forget_former(event.generation)
        await services.save(stored)
