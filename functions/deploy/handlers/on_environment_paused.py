"""Stop the Service of a paused environment.

Visitors get 503 with the reason. Its release, configuration and size stay.
"""

from events.deploy import EnvironmentPaused
from functions.deploy.services.service_refresher import ServiceRefresher
from functions.deploy.services.workload_refresher import WorkloadRefresher
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_environment_paused(event: EnvironmentPaused, refresher: ServiceRefresher, workloads: WorkloadRefresher, work: Work) -> None:
    await refresher.refresh(event.application_id, event.environment, work)
    await workloads.refresh(event.application_id, event.environment, work)
