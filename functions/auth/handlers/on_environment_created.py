"""Learn the name of an environment: grants may name it."""

from events.deploy import EnvironmentCreated
from functions.auth.ports import Teams
from functions.kernel import Done, Order, Scale, on


@on(order=Order.ANY, scale=Scale(max=2))
async def on_environment_created(event: EnvironmentCreated, teams: Teams) -> Done[None]:
    await teams.record_environment(event.application_id, event.environment, is_deleted=False, at=event.at)
    return Done(None)
