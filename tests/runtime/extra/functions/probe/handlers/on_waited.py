"""Takes its time, bears little at once, and says in a file, which no transaction takes back, when it begins and ends."""

import asyncio
import os
from pathlib import Path

from functions.probe.events import Waited
from functions.probe.ports import Accounts

from functions.kernel import Done, Order, Scale, on


@on(order=Order.ANY, scale=Scale(max=1, concurrency=2, pool=16))
async def on_waited(event: Waited, accounts: Accounts) -> Done[None]:
    _said("begun", event.account)
    await accounts.note("begun", event.account)
    await asyncio.sleep(0.3)
    await accounts.note("waited", event.account)
    _said("ended", event.account)
    return Done(None)


def _said(what: str, account: str) -> None:
    with Path(os.environ["PROBE_BEGUN"]).open("a") as file:
        file.write(f"{os.getpid()} {what} {account}\n")
