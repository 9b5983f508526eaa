"""Create the next login of a data service.

Then restart the environments that are bound to it.
"""

from events.data_services import DataServiceCredentialsExpired, DataServiceCredentialsRotated, DataServiceRotationRequested
from events.deployments import DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.operation import OperationKind
from functions.deploy.ports import DataServices, ServiceProvisioners, Vault
from functions.deploy.services.operation_recorder import OperationRecorder
from functions.deploy.services.service_credentials import ServiceCredentials
from functions.kernel import Origin, Retry, Work, effect


@effect(
    emits=[DataServiceCredentialsRotated, DataServiceCredentialsExpired, DeploymentRequested, DeploymentReleaseStarted, DeploymentTimedOut],
    retry=Retry(attempts=12),
)
async def on_data_service_rotation_requested(
    event: DataServiceRotationRequested,
    services: DataServices,
    provisioners: ServiceProvisioners,
    credentials: ServiceCredentials,
    recorder: OperationRecorder,
    vault: Vault,
    origin: Origin,
    work: Work,
) -> None:
    async with recorder.attempt(OperationKind.SERVICE_ROTATION, event.application_id, None, event.at, work):
        async with work.reading():
            service = await services.find(event.service_id)
        if service is None or service.rotation_requested_at != event.at or service.sealed_password is None:
            return
        try:
            password = vault.open(service.sealed_password)
            url = await provisioners.of(service).add_login(service.database, service.login(service.generation + 1), password, service.limits)

            async with work.recording() as record:
                record.emit(*await credentials.switch(service, vault.seal(url), origin))
                await recorder.succeed(OperationKind.SERVICE_ROTATION, event.application_id, None, event.at)
        except Exception as error:
            if work.is_final(error):
                async with work.preparing():
                    if (stored := await services.lock_any(service.id)) is not None:
                        stored.give_up_rotation(event.at, str(error))
                        await services.save(stored)
            raise
