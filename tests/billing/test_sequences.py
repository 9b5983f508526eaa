"""Random sequences of what customers, operators, banks and time do. After each step the books are exact, and who has paid is served.

`python -m tests.billing.test_sequences SEED SECONDS` tries seeds for so long.
"""

import asyncio
import random
import sys
import time
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from functions.billing.commands.void_invoice import VoidInvoice
from functions.billing.domain.credit_notes import RefundStatus
from functions.billing.domain.disputes import DisputeStatus, ProviderDispute
from functions.billing.domain.invoices import Invoice, InvoiceStatus, LineKind
from functions.billing.domain.money import Money
from functions.billing.domain.payments import Payment, PaymentReviewRequested, PaymentStatus
from functions.billing.domain.plans import FREE
from functions.billing.domain.subscriptions import SubscriptionStatus
from functions.kernel import Caller, Rejection
from tests.billing.world import ADMIN, World

SEEDS = range(24)
VISA = "pm_card_visa"


class Sequence:
    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = World()
        self.log: list[str] = []

    async def run(self) -> None:
        await self.world.subscribed("pro")
        for _ in range(self.chance.randint(8, 30)):
            name, step = self.chance.choice(STEPS)
            try:
                await step(self)
                self.log.append(name)
            except Rejection as refusal:
                self.log.append(f"{name}: {refusal.slug()}")
            await self.world.settle()
            await self.check()
        assert not self.world.capsule.dead_letters, self.log

    # --- steps

    async def wait(self) -> None:
        await self.world.wait(days=self.chance.choice([1, 3, 11, 12, 30, 31, 45]), hours=self.chance.randint(0, 23))

    async def use(self) -> None:
        at = self.world.clock.now() - timedelta(days=self.chance.randint(0, 38))
        await self.world.use(self.chance.randint(0, 9_000_000), at=at, cpu=self.chance.randint(0, 10**8))

    async def change_card(self) -> None:
        self.world.provider.declined_methods ^= {VISA}

    async def subscribe(self) -> None:
        await self.world.subscribe(self.chance.choice(["pro", "business", "free"]), self.chance.choice([VISA, "pm_other"]))

    async def cancel(self) -> None:
        await self.world.cancel()

    async def resume(self) -> None:
        await self.world.resume()

    async def pay(self) -> None:
        for invoice in self._some(InvoiceStatus.OPEN):
            await self.world.pay(invoice.id, self.chance.choice(["pm_good", VISA]))

    async def void(self) -> None:
        for invoice in self._some(InvoiceStatus.OPEN):
            await self.world.capsule.call(VoidInvoice(invoice_id=invoice.id, reason="sorry"), caller=Caller(ADMIN, frozenset({"user", "admin"})))

    async def refund(self) -> None:
        for invoice in self._some(InvoiceStatus.PAID):
            await self.world.refund(invoice.id, self.chance.choice([None, 1, 100, invoice.total.amount]))

    async def refund_at_provider(self) -> None:
        for invoice in self._some(InvoiceStatus.PAID):
            notes = await self.world.credit_notes.list_for_invoice(invoice.id)
            if (left := invoice.total.amount - sum(note.amount.amount for note in notes)) > 0:
                self.world.provider.refund_at_provider(self._payment_of(invoice), Money(self.chance.randint(1, left), "EUR"))
                await self.world.publish(PaymentReviewRequested(payment_id=self._payment_of(invoice).id))

    async def dispute(self) -> None:
        for invoice in self._some(InvoiceStatus.PAID):
            payment, status = self._payment_of(invoice), self.chance.choice(list(DisputeStatus))
            self.world.provider.disputes[payment.id] = [ProviderDispute(f"dp_{invoice.number}", Money(100, "EUR"), "fraudulent", status)]
            await self.world.publish(PaymentReviewRequested(payment_id=payment.id))

    def _some(self, status: InvoiceStatus) -> list[Invoice]:
        """One invoice with the status, or none."""
        found = [each for each in self.world.invoices.invoices.values() if each.status is status]
        return [self.chance.choice(found)] if found else []

    def _payment_of(self, invoice: Invoice) -> Payment:
        return next(each for each in self._succeeded() if each.invoice_id == invoice.id)

    def _succeeded(self) -> list[Payment]:
        return [each for each in self.world.payments.payments.values() if each.status is PaymentStatus.SUCCEEDED]

    # --- what holds after each of them

    async def check(self) -> None:
        invoices = list(self.world.invoices.invoices.values())
        owed = sum(each.total.amount for each in invoices if each.status is InvoiceStatus.OPEN)
        await self._check_books(owed)
        for invoice in invoices:
            assert invoice.total.amount == sum(line.amount.amount for line in invoice.lines) and (invoice.total.amount > 0 or not invoice.number)
            paid = [each for each in self._succeeded() if each.invoice_id == invoice.id]
            assert len(paid) == (invoice.status is InvoiceStatus.PAID), (self.log, invoice)
        self._check_service([each for each in invoices if each.number], owed)
        bill = await self.world.bill()
        end = bill.at_period_end
        assert bill.due.amount == owed and end.total.amount == end.usage.amount + end.fee.amount - end.credit.amount, self.log

    async def _check_books(self, owed: int) -> None:
        received = sum(each.amount.amount for each in self._succeeded())
        refunded = sum(each.amount.amount for each in self.world.credit_notes.notes.values() if each.status is RefundStatus.SUCCEEDED)
        withdrawn = sum(each.amount.amount for each in self.world.disputes.disputes.values() if each.status.is_withdrawn)
        balance = await self.world.balance()
        assert (balance["receivable"], balance["provider"]) == (owed, received - refunded - withdrawn), self.log

    def _check_service(self, invoices: list[Invoice], owed: int) -> None:
        """Nobody pays twice for a day. Who has paid for today has the plan, and who has the plan has an invoice for today."""
        (subscription,), now = self.world.subscriptions.subscriptions.values(), self.world.clock.now()
        fees = sorted(
            (line.period.begin, line.period.end)
            for each in invoices
            if each.status is not InvoiceStatus.VOID
            for line in each.lines
            if line.kind is LineKind.FEE
        )
        assert all(end <= begin for (_, end), (begin, _) in pairwise(fees)), self.log
        of_today = [each for each in invoices if any(line.is_fee and line.period.begin <= now < line.period.end for line in each.lines)]
        if any(each.status is InvoiceStatus.PAID for each in of_today if each.lines[-1].kind is not LineKind.PRORATION):
            assert subscription.plan_code != FREE and (subscription.status is not SubscriptionStatus.SUSPENDED or owed), self.log
        if subscription.plan_code != FREE and subscription.status is SubscriptionStatus.ACTIVE and now < subscription.billed_until:
            assert of_today, self.log


STEPS: list[tuple[str, Any]] = [
    (step.__name__, step)
    for step in (
        *(Sequence.wait, Sequence.wait, Sequence.wait, Sequence.use, Sequence.use, Sequence.change_card, Sequence.subscribe, Sequence.subscribe),
        *(
            Sequence.cancel,
            Sequence.resume,
            Sequence.pay,
            Sequence.pay,
            Sequence.void,
            Sequence.refund,
            Sequence.refund_at_provider,
            Sequence.dispute,
        ),
    )
]


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_books_are_exact_and_who_has_paid_is_served(seed: int) -> None:
    await Sequence(seed).run()


if __name__ == "__main__":
    first, end = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
    while time.monotonic() < end:
        asyncio.run(Sequence(first).run())
        first += 1
    print(f"up to seed {first}")
