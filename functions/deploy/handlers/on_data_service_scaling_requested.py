"""Change the server and the limits of a data service.

Until everything is in its new place, the former one keeps the data, and is opened again after a failure.
"""

from events.data_services import DataServiceScaled, DataServiceScalingRequested
from functions.deploy.domain.data_service import ServiceState
from functions.deploy.domain.operation import OperationKind
from functions.deploy.ports import Applications, DataServices, ServiceMover, Vault
from functions.deploy.services.operation_recorder import OperationRecorder
from functions.kernel import Clock, Retry, Scale, Work, effect


@effect(emits=[DataServiceScaled], retry=Retry(attempts=8), scale=Scale(max=2, concurrency=2))
async def on_data_service_scaling_requested(
    event: DataServiceScalingRequested,
    services: DataServices,
    applications: Applications,
    mover: ServiceMover,
    recorder: OperationRecorder,
    vault: Vault,
    clock: Clock,
    work: Work,
) -> None:
    async with recorder.attempt(OperationKind.SERVICE_SCALE, event.application_id, None, event.at, work):
        async with work.reading():
            service = await services.find(event.service_id)
        if service is None or service.scaling_requested_at != event.at or service.sealed_url is None:
            return  # completed or given up by another attempt
        if service.state not in (ServiceState.READY, ServiceState.DELETED):
            return  # its data are being deleted
        try:
            # Also of a service that was deleted meanwhile: an attempt that was interrupted may have moved its data already.
            await mover.move(service, service.scaling_limits, vault.open(service.sealed_url))
        except Exception as error:
            if work.is_final(error):
                async with work.preparing():
                    if (stored := await services.lock_any(service.id)) is not None:
                        stored.give_up_scaling(event.at, str(error))
                        await services.save(stored)
            raise

        async with work.recording() as record:
            application = await applications.lock_any(event.application_id)
            stored = await services.lock_any(service.id)
            assert stored is not None, "rows of services are kept"
            record.emit(*stored.complete_scaling(application.user_id, clock.now()))
            await services.save(stored)
            await recorder.succeed(OperationKind.SERVICE_SCALE, event.application_id, None, event.at)
