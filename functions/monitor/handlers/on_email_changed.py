"""Learn the changed e-mail address of a user."""

from events.auth import EmailChanged
from functions.kernel import Done, Scale, on
from functions.monitor.ports import Addresses


@on(scale=Scale(max=2, pool=2))
async def on_email_changed(event: EmailChanged, addresses: Addresses) -> Done[None]:
    await addresses.keep(event.user_id, event.email, event.at)
    return Done(None)
