"""An effect: the bell rings for each deposit, and that is recorded."""

from functions.probe.events import AccountRenamed, Deposited
from functions.probe.ports import Accounts, Bell

from functions.kernel import Origin, Retry, Work, effect


@effect(emits=[AccountRenamed], retry=Retry(attempts=3))
async def on_deposited_ring(event: Deposited, accounts: Accounts, bell: Bell, work: Work) -> None:
    if event.account == "resumed":
        work.resumes(Origin("the-first-request", "its-author"))
    async with work.reading():
        total = await accounts.total(event.account)
    if event.account == "inside":
        async with work.recording():
            await bell.ring("inside a transaction")
    await bell.ring(f"{event.account} {event.deposit_id} {total}")
    async with work.recording() as record:
        await accounts.note("rung", str(event.deposit_id))
        record.emit(AccountRenamed(account=event.account, name="rung"))
