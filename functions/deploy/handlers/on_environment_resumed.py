"""Start the Service of a resumed environment."""

from events.deploy import EnvironmentResumed
from functions.deploy.services.service_refresher import ServiceRefresher
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_environment_resumed(event: EnvironmentResumed, refresher: ServiceRefresher, work: Work) -> None:
    await refresher.refresh(event.application_id, event.environment, work)
