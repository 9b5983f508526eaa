"""Money comes in; `how` picks the way in which it ends."""

import asyncio
from datetime import timedelta

from functions.probe.events import CheckLater, Deposited
from functions.probe.ports import Accounts

from functions.kernel import (
    ANYONE,
    Conflict,
    Done,
    Model,
    Rejected,
    Retry,
    Transient,
    after,
    command,
    new_id,
)


class Deposit(Model):
    account: str
    cents: int
    how: str = ""


class Deposits(Model):
    total: int


class Refused(Conflict):
    """The account does not take this."""


@command(allow=ANYONE, status=201, rejects=[Refused], emits=[Deposited, CheckLater], retry=Retry(attempts=2))
async def deposit(request: Deposit, accounts: Accounts) -> Done[Deposits] | Rejected:
    id = new_id()
    await accounts.deposit(id, request.account, request.cents)
    if request.how == "refuse":
        raise Refused("not this time")
    if request.how == "keep":
        return Rejected(Refused("and yet it is kept"), Deposited(deposit_id=id, account=request.account, cents=request.cents))
    if request.how == "break":
        raise ZeroDivisionError("a fault of ours")
    if request.how == "away":
        raise Transient("something is away")
    if request.how == "slow":
        await asyncio.sleep(1.0)
    if request.how == "very slow":
        await accounts.wait_until_told_to_hurry()
    if request.how == "cross":
        await accounts.lock_both(request.account)
    later = [after(timedelta(seconds=2), CheckLater(account=request.account))] if request.how == "later" else []
    total = await accounts.total(request.account)
    return Done(Deposits(total=total), Deposited(deposit_id=id, account=request.account, cents=request.cents), *later)
