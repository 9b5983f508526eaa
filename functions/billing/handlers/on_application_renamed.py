"""Record the new name of an application for bills."""

from events.deploy import ApplicationRenamed
from functions.billing.domain.applications import Application
from functions.billing.ports import Applications
from functions.kernel import Done, Order, on


@on(order=Order.ANY)
async def on_application_renamed(event: ApplicationRenamed, applications: Applications) -> Done[None]:
    await applications.save([Application(event.application_id, event.name, event.at)])
    return Done(None)
