"""Learn the e-mail address of a new user."""

from events.auth import UserCreated
from functions.kernel import Done, Scale, on
from functions.monitor.ports import Addresses


@on(scale=Scale(max=2, pool=2))
async def on_user_created(event: UserCreated, addresses: Addresses) -> Done[None]:
    await addresses.keep(event.user_id, event.email, event.at)
    return Done(None)
