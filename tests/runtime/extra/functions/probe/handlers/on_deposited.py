"""Each deposit is noted, once."""

from functions.probe.events import Deposited
from functions.probe.ports import Accounts

from functions.kernel import Done, Order, Retry, Transient, on


@on(order=Order.ANY, retry=Retry(attempts=3))
async def on_deposited(event: Deposited, accounts: Accounts) -> Done[None]:
    await accounts.note("deposited", str(event.deposit_id))
    if event.account == "away":
        raise Transient("not now")
    if event.account == "broken":
        raise ZeroDivisionError("a fault of ours")
    return Done(None)
