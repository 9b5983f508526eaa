"""Operators list customers, invoices and payments of everybody, and void invoices. Nobody else can."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.billing import SubscriptionChanged
from functions.billing.commands.void_invoice import VoidInvoice
from functions.billing.domain.disputes import DisputeStatus, ProviderDispute
from functions.billing.domain.invoices import InvoiceStatus
from functions.billing.domain.money import Money
from functions.billing.domain.payments import PaymentReviewRequested, PaymentStatus
from functions.billing.domain.rejections import ChangeInProgress, InvoiceNotOpen
from functions.billing.queries.operator_customers import ListCustomers
from functions.billing.queries.operator_invoices import ListAllInvoices
from functions.billing.queries.operator_payments import ListAllPayments
from functions.kernel import Caller, Forbidden
from tests.billing.world import ADMIN, OTHER, USER, World
from tests.memory.billing_provider import SLOW

INVOICED = datetime(2026, 6, 20, 1, tzinfo=UTC)


async def as_operator(world: World, request: Any) -> Any:
    return await world.capsule.call(request, caller=Caller(ADMIN, frozenset({"user", "admin"})))


@pytest.mark.parametrize("request_type", [ListCustomers, ListAllInvoices, ListAllPayments])
async def test_only_admins_may_list(world: World, request_type: Any) -> None:
    await world.subscribed()
    with pytest.raises(Forbidden):
        await world.capsule.call(request_type(), caller=Caller(USER))
    assert len((await as_operator(world, request_type())).items) == 1


async def test_lists_are_filtered_and_paged(world: World) -> None:
    await world.subscribed()
    await world.subscribed(user=OTHER)
    assert [each.email for each in (await as_operator(world, ListCustomers(email="2@EXAMPLE"))).items] == ["2@example.org"]
    first = await as_operator(world, ListCustomers(limit=1))
    second = await as_operator(world, ListCustomers(limit=1, cursor=first.next))
    assert {first.items[0].email, second.items[0].email} == {"1@example.org", "2@example.org"} and second.next is None
    customer_id = (await world.customer(OTHER)).customer_id
    invoices = (await as_operator(world, ListAllInvoices(customer_id=customer_id, status=InvoiceStatus.PAID))).items
    assert [(each.email, each.total.amount) for each in invoices] == [("2@example.org", 2000)]
    assert (await as_operator(world, ListAllInvoices(status=InvoiceStatus.OPEN))).items == []
    payments = (await as_operator(world, ListAllPayments(customer_id=customer_id, status=PaymentStatus.SUCCEEDED))).items
    assert [(each.email, each.amount.amount, each.disputes) for each in payments] == [("2@example.org", 2000, [])]


async def test_a_dispute_is_shown_with_its_payment(world: World) -> None:
    await world.subscribed()
    (payment,) = world.payments.payments.values()
    world.provider.disputes[payment.id] = [ProviderDispute("dp_1", Money(2000, "EUR"), "fraudulent", DisputeStatus.OPEN)]
    await world.publish(PaymentReviewRequested(payment_id=payment.id))
    await world.settle()
    (view,) = (await as_operator(world, ListAllPayments())).items
    assert [(each.provider_id, each.status, each.amount.amount) for each in view.disputes] == [("dp_1", "open", 2000)]


async def test_a_voided_invoice_is_not_owed_and_ends_the_suspension(world: World) -> None:
    await world.subscribed()
    await world.use(4_000_000)
    world.provider.declined_methods.add("pm_card_visa")
    await world.wait(until=INVOICED)
    for day in (1, 4, 11):
        await world.wait(until=INVOICED + timedelta(days=day))
    assert (await world.subscription()).status == "suspended"
    (invoice,) = (await as_operator(world, ListAllInvoices(status=InvoiceStatus.OPEN))).items
    assert [each.owes[0].amount for each in (await as_operator(world, ListCustomers())).items] == [2080]
    request = VoidInvoice(invoice_id=invoice.invoice_id, reason="Our mistake.")
    with pytest.raises(Forbidden):
        await world.capsule.call(request, caller=Caller(USER))
    await world.pay(invoice.invoice_id, SLOW)
    await world.settle()
    with pytest.raises(ChangeInProgress):
        await as_operator(world, request)
    payment = max(world.payments.payments.values(), key=lambda each: each.id)
    world.provider.set_outcome(payment, PaymentStatus.FAILED)
    await world.wait(minutes=10)
    await world.settle()
    assert (await as_operator(world, request)).status == "void"
    with pytest.raises(InvoiceNotOpen):
        await as_operator(world, request)
    await world.settle()
    assert (await world.subscription()).status == "active" and world.events(SubscriptionChanged)[-1].status == "active"
    assert (await world.balance())["receivable"] == 0
    world.provider.declined_methods.clear()
    await world.wait(until=datetime(2026, 7, 20, 1, tzinfo=UTC))
    newest = max(world.invoices.invoices.values(), key=lambda each: each.id)
    assert [(line.kind.value, line.amount.amount) for line in newest.lines] == [("late-usage", 80), ("fee", 2000)]
