"""Contracts of what operators list, of changes of payment methods, and of the names of applications."""

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.billing.domain.applications import Application
from functions.billing.domain.billing_details import BillingDetails
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import InvoiceStatus
from functions.billing.domain.payment_methods import PaymentMethodChange
from functions.billing.domain.payments import PaymentStatus, ProviderResult
from functions.billing.domain.rejections import ChangeInProgress
from functions.kernel import Transient, new_id
from tests.adapters.billing_stores import FAILED, NOW, Store, new_number, store, url

__all__ = ["store", "url"]


async def test_a_change_of_a_payment_method_is_stored_and_a_customer_has_one_pending(store: Store) -> None:
    customer, _ = await store.customer()
    change, _ = PaymentMethodChange.request(customer.id, "pm_1", NOW)
    async with store.transaction():
        assert await store.method_changes.get_latest(customer.id) is None
        await store.method_changes.add(change)
        assert await store.method_changes.get(change.id) == await store.method_changes.get_latest(customer.id) == change
        assert change.id in [each.id for each in await store.method_changes.list_pending(NOW + timedelta(minutes=1), 1000)]
        assert change.id not in [each.id for each in await store.method_changes.list_pending(NOW, 1000)]
    other, _ = PaymentMethodChange.request(customer.id, "pm_2", NOW)
    with pytest.raises(ChangeInProgress):
        async with store.transaction():
            await store.method_changes.add(other)
    stale = replace(change)
    change.settle(FAILED, NOW)
    async with store.transaction():
        await store.method_changes.save(change)
        await store.method_changes.add(other)
        assert await store.method_changes.get(change.id) == change
        assert await store.method_changes.get_latest(customer.id) == other
    with pytest.raises(Transient):
        async with store.transaction():
            await store.method_changes.save(stale)


async def test_the_newest_name_of_an_application_stays_after_its_deletion(store: Store) -> None:
    application = Application(new_id(), "second", NOW)
    async with store.transaction():
        await store.applications.save([application])
        await store.applications.save([replace(application, name="first", updated_at=NOW - timedelta(seconds=1))])
        assert await store.applications.get_many([application.id, new_id()]) == {application.id: application}
        deleted = replace(application, updated_at=NOW + timedelta(seconds=1), is_deleted=True)
        await store.applications.save([deleted])
        await store.applications.save([replace(application, name="never", updated_at=NOW + timedelta(seconds=2))])
        assert await store.applications.get_many({application.id}) == {application.id: deleted}
        assert await store.applications.get_many([]) == {}


async def test_customers_are_found_by_a_part_of_their_address_newest_first(store: Store) -> None:
    older, _ = await store.customer()
    newer, _ = await store.customer()
    async with store.transaction():
        found = [each.id for each in await store.customers.list_matching("ADA@", before=None, limit=1000)]
        assert found.index(newer.id) < found.index(older.id)
        assert newer.id not in [each.id for each in await store.customers.list_matching("", before=newer.id, limit=1000)]
        for text in ("%", "_@_", "nobody"):
            assert await store.customers.list_matching(text, before=None, limit=10) == []


async def test_invoices_and_payments_of_all_customers_are_listed_with_filters(store: Store) -> None:
    customer, subscription = await store.customer()
    draft = await store.invoice(subscription)
    _, other = await store.customer()
    issued = await store.invoice(other, new_number())
    failed = await store.payment(issued, result=FAILED)
    paid = await store.payment(issued, 2, ProviderResult(f"pi_{new_id().hex}", PaymentStatus.SUCCEEDED))
    async with store.transaction():
        everyone = [each.id for each in await store.invoices.list_all(None, None, before=None, limit=1000)]
        assert issued.id in everyone and draft.id not in everyone
        assert list(await store.invoices.list_all(other.customer_id, InvoiceStatus.OPEN, before=None, limit=10)) == [issued]
        assert list(await store.invoices.list_all(other.customer_id, InvoiceStatus.PAID, before=None, limit=10)) == []
        assert list(await store.invoices.list_all(other.customer_id, None, before=issued.id, limit=10)) == []
        assert list(await store.payments.list_all(other.customer_id, None, before=None, limit=10)) == [paid, failed]
        assert list(await store.payments.list_all(None, PaymentStatus.FAILED, before=paid.id, limit=1)) == [failed]
        assert list(await store.payments.list_all(customer.id, None, before=None, limit=10)) == []


async def test_the_customer_of_a_deleted_user_is_erased_and_stays_erased(store: Store) -> None:
    customer, subscription = await store.customer()
    invoice = await store.invoice(subscription, new_number())
    change, _ = PaymentMethodChange.request(customer.id, "pm_1", NOW)
    async with store.transaction():
        await store.method_changes.add(change)
        await store.customers.set_provider_id(customer.id, f"cus_{customer.id}")
        await store.customers.set_payment_method(customer.id, "pm_1")
        assert await store.customers.set_email(customer.user_id, "new@example.org")
        assert not await store.customers.set_email(new_id(), "new@example.org")
        details = BillingDetails.parse("Ada Łukasiewicz", ["ul. Długa 1", "Warszawa"], "PL", None)
        await store.customers.set_billing_details(customer.id, details)
        assert (await store.customers.get(customer.id)).billing_details == details
        for later in range(2):
            await store.customers.mark_deleted(customer.id, NOW + timedelta(days=later))
        assert customer.id not in [each.id for each in await store.customers.list_closing(NOW, 1000)]
        [closing] = [each for each in await store.customers.list_closing(NOW + timedelta(seconds=1), 1000) if each.id == customer.id]
        assert (closing.email, closing.deleted_at) == ("new@example.org", NOW)
        await store.subscriptions.end(subscription, NOW)
        for later in range(2):
            await store.customers.erase(customer.id, NOW + timedelta(days=later))
    async with store.transaction():
        erased = await store.customers.get(customer.id)
        assert erased == replace(customer, email="", deleted_at=NOW, closed_at=NOW)
        assert await store.customers.set_email(customer.user_id, "late@example.org")
        await store.customers.set_billing_details(customer.id, details)
        assert await store.customers.get(customer.id) == erased
        assert await store.subscriptions.get_current(customer.id) is None
        assert customer.id not in [each.id for each in await store.customers.list_closing(NOW + timedelta(days=9), 1000)]
        assert (await store.invoices.get(invoice.id)).buyer_email == "ada@example.org"


async def test_a_user_who_was_deleted_before_becoming_a_customer_stays_one_without_data(store: Store) -> None:
    erased = Customer.erased(new_id(), NOW)
    async with store.transaction():
        await store.customers.add(erased)
        assert await store.customers.get_by_user(erased.user_id) == erased
