"""The newest name wins, in whatever order the events come."""

from functions.probe.events import AccountRenamed
from functions.probe.ports import Accounts

from functions.kernel import Done, on


@on()
async def on_renamed(event: AccountRenamed, accounts: Accounts) -> Done[None]:
    await accounts.note("renamed", event.name)
    return Done(None)
