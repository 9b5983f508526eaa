"""Start the Service of a resumed environment."""

from events.deploy import EnvironmentResumed
from functions.deploy.services.service_refresher import ServiceRefresher
from functions.deploy.services.workload_refresher import WorkloadRefresher
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_environment_resumed(event: EnvironmentResumed, refresher: ServiceRefresher, workloads: WorkloadRefresher, work: Work) -> None:
    await refresher.refresh(event.application_id, event.environment, work)
    await workloads.refresh(event.application_id, event.environment, work)
