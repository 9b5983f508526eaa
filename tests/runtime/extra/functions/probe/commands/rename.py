"""A name for an account, which no other account has: handled together with others (`Scale.batch`), by one call."""

from collections.abc import Sequence

from functions.probe.events import AccountRenamed
from functions.probe.ports import Names

from functions.kernel import ANYONE, Conflict, Done, Model, Rejected, Scale, Transient, command


class Rename(Model):
    account: str
    name: str
    how: str = ""


class Renamed(Model):
    renames: int


class NameTaken(Conflict):
    """Another account has this name."""


@command(allow=ANYONE, rejects=[NameTaken], emits=[AccountRenamed], scale=Scale(batch=16))
async def rename(requests: Sequence[Rename], names: Names) -> Sequence[Done[Renamed] | Rejected]:
    return [await _rename(each, names) for each in requests]


async def _rename(request: Rename, names: Names) -> Done[Renamed] | Rejected:
    if not await names.set(request.account, request.name):
        raise NameTaken(f"{request.name!r} is taken")
    event = AccountRenamed(account=request.account, name=request.name)
    if request.how == "keep":
        return Rejected(NameTaken("and yet it is kept"), event)
    if request.how == "break":
        raise ZeroDivisionError("a fault of ours")
    if request.how == "away":
        raise Transient("something is away")
    return Done(Renamed(renames=await names.renames(request.account)), *[event] * (2 if request.how == "twice" else 1))
