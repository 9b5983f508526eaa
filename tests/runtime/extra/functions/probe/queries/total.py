"""How much has come in."""

from functions.probe.ports import Accounts

from functions.kernel import ANYONE, Model, query


class TotalOf(Model):
    account: str


class Total(Model):
    total: int


@query(allow=ANYONE)
async def total(request: TotalOf, accounts: Accounts) -> Total:
    if request.account == "writes":
        await accounts.note("query", "must not be written")
    return Total(total=await accounts.total(request.account))
