"""Where an account went, told in the third version of its event."""

from functions.probe.events import Moved
from functions.probe.ports import Accounts

from functions.kernel import Done, Order, on


@on(order=Order.ANY)
async def on_moved(event: Moved, accounts: Accounts) -> Done[None]:
    await accounts.note("moved", f"{event.account} to {event.destination.place} in {event.destination.country}")
    return Done(None)
