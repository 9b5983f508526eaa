"""Where a user is reached, for the alerts of their applications."""

from events.auth import UserCreated
from functions.kernel import Done, Scale, on
from functions.monitor.ports import Addresses


@on(scale=Scale(max=2, pool=2))
async def on_user_created(event: UserCreated, addresses: Addresses) -> Done[None]:
    await addresses.keep(event.user_id, event.email, event.at)
    return Done(None)
