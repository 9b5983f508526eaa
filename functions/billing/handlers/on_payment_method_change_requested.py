"""Store a payment method of a customer at the provider."""

from events.billing import PaymentAccountChanged
from functions.billing.domain.customers import AccountStatus
from functions.billing.domain.payment_methods import PaymentMethodChangeRequested
from functions.billing.ports import Customers, PaymentMethodChanges, PaymentProvider
from functions.kernel import Clock, Work, effect


@effect(emits=[PaymentAccountChanged])
async def on_payment_method_change_requested(
    event: PaymentMethodChangeRequested,
    changes: PaymentMethodChanges,
    customers: Customers,
    provider: PaymentProvider,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        change = await changes.get(event.change_id)
        customer = await customers.get(change.customer_id)
    if not change.is_pending:
        return
    opens_account = customer.provider_id is None  # the registration has not requested it yet
    if opens_account:
        provider_id = await provider.open_account(customer)
        async with work.preparing():
            await customers.set_provider_id(customer.id, provider_id)
            customer = await customers.get(customer.id)

    result = await provider.attach(change, customer)

    async with work.recording() as record:
        change, now = await changes.get(change.id), clock.now()
        if not change.is_pending:  # a concurrent delivery recorded the outcome
            return
        if opens_account:
            record.emit(*customer.report_account(AccountStatus.OPENED, now))
        if change.settle(result, now) and result.method:
            await customers.set_payment_method(customer.id, result.method)
        await changes.save(change)
