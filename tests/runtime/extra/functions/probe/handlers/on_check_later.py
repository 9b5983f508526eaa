"""A timeout that the context has sent to itself."""

from functions.probe.events import CheckLater
from functions.probe.ports import Accounts

from functions.kernel import Done, Order, on


@on(order=Order.ANY)
async def on_check_later(event: CheckLater, accounts: Accounts) -> Done[None]:
    await accounts.note("checked", event.account)
    return Done(None)
