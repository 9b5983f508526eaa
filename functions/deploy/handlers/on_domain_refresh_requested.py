"""Apply a domain's objects to the cluster, or delete them."""

from events.domains import DomainRefreshRequested
from functions.deploy.services.domain_publisher import DomainPublisher
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_domain_refresh_requested(event: DomainRefreshRequested, publisher: DomainPublisher, work: Work) -> None:
    await publisher.publish(event.application, event.host, event.domain_id, work)
    async with work.recording():
        pass
