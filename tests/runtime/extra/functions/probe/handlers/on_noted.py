"""The last in the chain: what was noted is noted. A batch handler."""

from collections.abc import Sequence

from functions.probe.events import Noted
from functions.probe.ports import Accounts

from functions.kernel import Done, Order, on


@on(order=Order.ANY)
async def on_noted(events: Sequence[Noted], accounts: Accounts) -> Sequence[Done[None]]:
    for event in events:
        await accounts.note("noted", str(event.deposit_id))
    return [Done(None) for _ in events]
