"""Stop the Service of a stopped environment.

It loses its public address and its instances; its revisions stay.
"""

from events.deploy import EnvironmentStopped
from functions.deploy.domain.operation import OperationKind
from functions.deploy.services.operation_recorder import OperationRecorder
from functions.deploy.services.service_refresher import ServiceRefresher
from functions.deploy.services.workload_refresher import WorkloadRefresher
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_environment_stopped(
    event: EnvironmentStopped, refresher: ServiceRefresher, workloads: WorkloadRefresher, recorder: OperationRecorder, work: Work
) -> None:
    async with recorder.attempt(OperationKind.STOP, event.application_id, event.environment, event.at, work):
        await refresher.refresh(event.application_id, event.environment, work)
        await workloads.refresh(event.application_id, event.environment, work)

        async with work.recording():
            await recorder.succeed(OperationKind.STOP, event.application_id, event.environment, event.at)
