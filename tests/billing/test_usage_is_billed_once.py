"""Every accepted usage record is on exactly one invoice line, in whatever order records, renewals, plan changes and crashes come."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.billing.domain.bill import rate
from functions.billing.domain.invoices import InvoiceStatus
from functions.billing.domain.plans import Meter
from functions.billing.domain.usage import MAX_LATENESS
from functions.kernel import Rejection, new_id
from tests.billing.world import USER, World

use = st.tuples(st.just("use"), st.integers(0, int(MAX_LATENESS.total_seconds()) - 60), st.integers(0, 4_000_000), st.integers(0, 400_000_000))
repeat = st.tuples(st.just("repeat"), st.integers(0, 50))
advance = st.tuples(st.just("advance"), st.integers(1, 45 * 24))
crash = st.tuples(st.just("crash"), st.sampled_from(["invoices.add", "ledger.post", "subscriptions.save", "payments.add"]))
change = st.tuples(st.just("change"), st.sampled_from(["pro", "business", "cancel", "resume"]))
card = st.tuples(st.just("card"), st.booleans())
steps = st.lists(st.one_of(use, use, use, advance, advance, repeat, crash, change, card), min_size=5, max_size=25)


class Crash(Exception):
    """The process dies in the middle of a transaction."""


class History:
    """A customer on the Pro plan, and all their accepted records."""

    def __init__(self) -> None:
        self.world = World()
        self.records: list[tuple[UUID, datetime, int, int]] = []

    async def step(self, kind: str, *arguments: Any) -> None:
        await getattr(self, kind)(*arguments)

    async def use(self, seconds_ago: int, requests: int, cpu: int) -> None:
        record = (new_id(), self.world.clock.now() - timedelta(seconds=seconds_ago), requests, cpu)
        self.records.append(record)
        await self._deliver(record)

    async def repeat(self, index: int) -> None:
        if self.records and (record := self.records[index % len(self.records)])[1] > self.world.clock.now() - MAX_LATENESS:
            await self._deliver(record)

    async def _deliver(self, record: tuple[UUID, datetime, int, int]) -> None:
        id, at, requests, cpu = record
        await self.world.use(requests, at=at, id=id, cpu=cpu)

    async def advance(self, hours: int) -> None:
        await self.world.wait(hours=hours)

    async def crash(self, point: str) -> None:
        """Die at `point` of whatever happens in the next month, and come back."""
        store, method = point.split(".")
        adapter = getattr(self.world, store)

        async def die(*arguments: Any) -> None:
            delattr(adapter, method)
            raise Crash

        setattr(adapter, method, die)
        with suppress(Crash):  # what follows must repair it
            await self.world.wait(days=31)
        vars(adapter).pop(method, None)
        await self.world.wait(minutes=10)

    async def change(self, plan: str) -> None:
        world = self.world
        with suppress(Rejection):  # an answer that the customer understands; nothing has changed
            await {"cancel": world.cancel, "resume": world.resume}[plan]() if plan in ("cancel", "resume") else await world.subscribe(plan)
        await world.settle()

    async def card(self, is_declined: bool) -> None:
        self.world.provider.declined_methods.discard("pm_card_visa_attached")
        self.world.provider.declined_methods.discard("pm_card_visa")
        if is_declined:
            self.world.provider.declined_methods.add("pm_card_visa")

    async def pay_everything(self) -> None:
        """Two paid renewals: each has a fee, so all usage of before is billed with them."""
        await self.card(False)
        for _ in range(2):
            await self.world.wait(days=32)
            for invoice in [each for each in self.world.invoices.invoices.values() if each.status is InvoiceStatus.OPEN]:
                await self.world.pay(invoice.id, "pm_card_visa")
                await self.world.settle()
            for plan in ("resume", "pro"):
                await self.change(plan)
        await self.world.wait(days=40)
        await self.world.wait(minutes=10)

    async def check(self) -> None:
        world = self.world
        billed: Counter[tuple[datetime, Meter]] = Counter()
        charged: Counter[tuple[datetime, Meter]] = Counter()
        for invoice in world.invoices.invoices.values():
            if invoice.status in (InvoiceStatus.OPEN, InvoiceStatus.PAID):
                for line in invoice.lines:
                    if line.meter is not None:
                        billed[line.period.begin, line.meter] += line.quantity
                        charged[line.period.begin, line.meter] += line.amount.amount
        periods = sorted(world.rated_periods.periods.values(), key=lambda each: each.period.begin)
        for former, following in pairwise(periods):
            assert former.period.end <= following.period.begin, "no hour is rated twice"
        for rated in periods:
            plan = await world.plans.get(rated.plan_code, rated.plan_version)
            bill = rate(plan, rated.period, await world.usage.by_environment(USER, rated.period))
            records = [each for each in self.records if rated.period.begin <= each[1] < rated.period.end]
            used = dict.fromkeys(Meter, 0) | {
                Meter.REQUESTS: sum(each[2] for each in records),
                Meter.CPU_MILLISECONDS: sum(each[3] for each in records),
            }
            for charge in bill.charges:
                key = (rated.period.begin, charge.meter)
                assert charge.quantity == used[charge.meter]
                assert charged[key] == charge.amount.amount, (rated.period, charge)
                assert billed[key] == (used[charge.meter] if plan.fee.amount else 0), (rated.period, charge)
        await world.balance()


@settings(max_examples=25, derandomize=True)
@given(steps)
def test_every_record_is_on_one_line(history: list[tuple[Any, ...]]) -> None:
    async def live() -> None:
        this = History()
        await this.world.subscribed()
        for kind, *arguments in history:
            await this.step(kind, *arguments)
        await this.pay_everything()
        await this.check()

    asyncio.run(live())


async def test_usage_of_a_period_before_the_last_is_billed() -> None:
    """The renewal of 20 July has passed when usage of before 20 June arrives."""
    this = History()
    await this.world.subscribed()
    await this.world.wait(days=32)
    await this.world.wait(days=30)
    await this.use(int(timedelta(days=35).total_seconds()), 4_000_000, 0)
    await this.pay_everything()
    await this.check()
    assert any(line.amount.amount == 80 for invoice in this.world.invoices.invoices.values() for line in invoice.lines)
