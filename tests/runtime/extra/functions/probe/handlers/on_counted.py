"""Every count in turn, without a gap."""

from functions.probe.events import Counted
from functions.probe.ports import Accounts

from functions.kernel import Done, Order, Transient, on


@on(order=Order.STRICT, max_wait_seconds=1.0)
async def on_counted(event: Counted, accounts: Accounts) -> Done[None]:
    if event.number < 0:
        raise Transient("not now")
    await accounts.note("counted", f"{event.account}:{event.number}")
    return Done(None)
