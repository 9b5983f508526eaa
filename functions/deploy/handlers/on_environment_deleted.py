"""Delete an environment's Service and Secrets."""

from events.deploy import EnvironmentDeleted
from functions.deploy.domain.names import namespace_of, service_of
from functions.deploy.domain.operation import OperationKind
from functions.deploy.ports import Cluster, Deployments, ProcessScalings, Schedules
from functions.deploy.services.operation_recorder import OperationRecorder
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_environment_deleted(
    event: EnvironmentDeleted,
    deployments: Deployments,
    schedules: Schedules,
    scalings: ProcessScalings,
    recorder: OperationRecorder,
    cluster: Cluster,
    work: Work,
) -> None:
    async with recorder.attempt(OperationKind.ENVIRONMENT_DELETION, event.application_id, event.environment, event.at, work):
        async with work.reading():
            latest = {each.environment: each.requested_at for each in await deployments.list_latest(event.application_id)}

        if latest.get(event.environment, event.at) <= event.at:  # later: created again and deployed to since, what runs there is not what was deleted
            service = service_of(event.application, event.environment)
            await cluster.delete_environment(namespace_of(event.application), service, event.application_id, event.environment)

        async with work.recording():
            if latest.get(event.environment, event.at) <= event.at:
                await schedules.delete_of_environment(event.application_id, event.environment)
                await scalings.forget(event.application_id, event.environment)
            await recorder.succeed(OperationKind.ENVIRONMENT_DELETION, event.application_id, event.environment, event.at)
