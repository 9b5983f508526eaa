"""Record the name of an application for bills."""

from events.deploy import ApplicationCreated
from functions.billing.domain.applications import Application
from functions.billing.ports import Applications
from functions.kernel import Done, Order, Scale, on


@on(order=Order.ANY, scale=Scale(concurrency=64, batch=16))
async def on_application_created(event: ApplicationCreated, applications: Applications) -> Done[None]:
    await applications.save(Application(event.application_id, event.name, event.at))
    return Done(None)
