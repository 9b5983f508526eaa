"""Apply what an environment runs beside its Service.

The state of now is applied, whatever the event says. Process types that are new get their default number of instances first.
"""

from events.workloads import WorkloadRefreshRequested
from functions.deploy.domain.operation import OperationKind
from functions.deploy.services.operation_recorder import OperationRecorder
from functions.deploy.services.workload_refresher import WorkloadRefresher
from functions.kernel import Order, Retry, Work, effect


@effect(retry=Retry(attempts=12), order=Order.ANY)
async def on_workload_refresh_requested(
    event: WorkloadRefreshRequested, refresher: WorkloadRefresher, recorder: OperationRecorder, work: Work
) -> None:
    if event.operation is None:
        await refresher.introduce(event.application_id, event.environment, work)
        await refresher.refresh(event.application_id, event.environment, work)
        return
    kind = OperationKind(event.operation)
    async with recorder.attempt(kind, event.application_id, event.environment, event.at, work):
        await refresher.refresh(event.application_id, event.environment, work)

        async with work.recording():
            await recorder.succeed(kind, event.application_id, event.environment, event.at)
