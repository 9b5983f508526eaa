"""Record the deletion of an application.

Bills keep its name.
"""

from events.deploy import ApplicationDeleted
from functions.billing.domain.applications import Application
from functions.billing.ports import Applications
from functions.kernel import Done, Order, on


@on(order=Order.ANY)
async def on_application_deleted(event: ApplicationDeleted, applications: Applications) -> Done[None]:
    await applications.save([Application(event.application_id, event.name, event.at, is_deleted=True)])
    return Done(None)
