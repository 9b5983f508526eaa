"""The last in the chain: what was noted is noted."""

from functions.probe.events import Noted
from functions.probe.ports import Accounts

from functions.kernel import Done, Order, on


@on(order=Order.ANY)
async def on_noted(event: Noted, accounts: Accounts) -> Done[None]:
    await accounts.note("noted", str(event.deposit_id))
    return Done(None)
