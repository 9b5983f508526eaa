"""Record the name of an application for bills."""

from collections.abc import Sequence

from events.deploy import ApplicationCreated
from functions.billing.domain.applications import Application
from functions.billing.ports import Applications
from functions.kernel import Done, Order, Scale, on


@on(order=Order.ANY, scale=Scale(concurrency=100, batch=32))
async def on_application_created(events: Sequence[ApplicationCreated], applications: Applications) -> Sequence[Done[None]]:
    await applications.save([Application(event.application_id, event.name, event.at) for event in events])
    return [Done(None) for _ in events]
