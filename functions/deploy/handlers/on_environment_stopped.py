"""Stop the Service of a stopped environment.

It loses its public address and its instances; its revisions stay.
"""

from events.deploy import EnvironmentStopped
from functions.deploy.services.service_refresher import ServiceRefresher
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_environment_stopped(event: EnvironmentStopped, refresher: ServiceRefresher, work: Work) -> None:
    await refresher.refresh(event.application_id, event.user_id, event.environment, work)
