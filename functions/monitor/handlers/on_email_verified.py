"""Learn the verified e-mail address of a user."""

from events.auth import EmailVerified
from functions.kernel import Done, Scale, on
from functions.monitor.ports import Addresses


@on(scale=Scale(max=2, pool=2))
async def on_email_verified(event: EmailVerified, addresses: Addresses) -> Done[None]:
    await addresses.keep(event.user_id, event.email, event.at)
    return Done(None)
