"""Learn the name of an environment."""

from events.deploy import EnvironmentCreated
from functions.kernel import Done, Order, Scale, on
from functions.monitor.ports import Applications


@on(order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_environment_created(event: EnvironmentCreated, applications: Applications) -> Done[None]:
    await applications.keep_environment(event.application_id, event.environment)
    return Done(None)
