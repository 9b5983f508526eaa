"""Create the database of a data service and its first login.

A failure leaves nothing that is bound: a service is bound when it is ready.
"""

from events.data_services import DataServiceCreated, DataServiceRequested
from functions.deploy.domain.data_service import ServiceState
from functions.deploy.domain.operation import OperationKind
from functions.deploy.ports import Applications, DataServices, ServiceProvisioners, Vault
from functions.deploy.services.operation_recorder import OperationRecorder
from functions.kernel import Clock, Retry, Transient, Work, effect


@effect(emits=[DataServiceCreated], retry=Retry(attempts=12))
async def on_data_service_requested(
    event: DataServiceRequested,
    services: DataServices,
    applications: Applications,
    provisioners: ServiceProvisioners,
    recorder: OperationRecorder,
    vault: Vault,
    clock: Clock,
    work: Work,
) -> None:
    async with recorder.attempt(OperationKind.SERVICE_CREATION, event.application_id, None, event.at, work):
        async with work.reading():
            service = await services.find(event.service_id)
        if service is not None and service.is_deleted and service.ready_at is None:  # while it was being created: nothing of it may stay
            await provisioners.of(service).delete(service.database)
            return
        if service is None or service.state not in (ServiceState.CREATING, ServiceState.FAILED) or service.sealed_password is None:
            return  # completed by another attempt
        try:
            provisioner = provisioners.of(service)
            await provisioner.create(service.database, service.limits)
            password = vault.open(service.sealed_password)
            url = await provisioner.add_login(service.database, service.login(service.generation), password, service.limits)
        except Exception as error:
            if work.is_final(error):
                async with work.preparing():
                    if (stored := await services.lock_any(service.id)) is not None:
                        stored.fail(str(error))
                        await services.save(stored)
            raise

        async with work.recording() as record:
            application = await applications.lock_any(event.application_id)
            stored = await services.lock_any(service.id)
            assert stored is not None, "rows of services are kept"
            if stored.is_deleted:
                raise Transient("the service was deleted while its database was created")
            record.emit(*stored.complete(vault.seal(url), application.user_id, clock.now()))
            await services.save(stored)
            await recorder.succeed(OperationKind.SERVICE_CREATION, event.application_id, None, event.at)
