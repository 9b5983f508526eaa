"""Remove the maintenance page of an environment."""

from events.deploy import MaintenanceEnded
from functions.deploy.domain.operation import OperationKind
from functions.deploy.services.operation_recorder import OperationRecorder
from functions.deploy.services.service_refresher import ServiceRefresher
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_maintenance_ended(event: MaintenanceEnded, refresher: ServiceRefresher, recorder: OperationRecorder, work: Work) -> None:
    async with recorder.attempt(OperationKind.MAINTENANCE, event.application_id, event.environment, event.at, work):
        await refresher.refresh(event.application_id, event.environment, work)

        async with work.recording():
            await recorder.succeed(OperationKind.MAINTENANCE, event.application_id, event.environment, event.at)
