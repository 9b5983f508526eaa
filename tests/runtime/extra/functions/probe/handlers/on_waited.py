"""Takes its time, and bears little at once."""

import asyncio

from functions.probe.events import Waited
from functions.probe.ports import Accounts

from functions.kernel import Done, Order, Scale, on


@on(order=Order.ANY, scale=Scale(max=1, concurrency=2, pool=1))
async def on_waited(event: Waited, accounts: Accounts) -> Done[None]:
    await accounts.note("begun", event.account)
    await asyncio.sleep(0.3)
    await accounts.note("waited", event.account)
    return Done(None)
