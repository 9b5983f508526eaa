"""Each deposit is noted, once, and that it was noted is an event."""

from functions.probe.events import Deposited, Noted
from functions.probe.ports import Accounts

from functions.kernel import Done, Order, Retry, Transient, on


@on(emits=[Noted], order=Order.ANY, retry=Retry(attempts=3))
async def on_deposited(event: Deposited, accounts: Accounts) -> Done[None]:
    await accounts.note("deposited", str(event.deposit_id))
    if event.account == "away":
        raise Transient("not now")
    if event.account == "broken":
        raise ZeroDivisionError("a fault of ours")
    return Done(None, Noted(deposit_id=event.deposit_id, account=event.account))
