"""Open the customer's account at the payment provider.

Publishes the outcome even if the provider is unavailable: the registration saga decides when to repeat the request and
when to give up, so the runtime does not retry. While payments are off there is no account: the first payment after they
were turned on opens it.
"""

from events.auth import PaymentAccountRequested
from events.billing import PaymentAccountChanged
from functions.billing.domain.customers import AccountStatus
from functions.billing.domain.payment_policy import PaymentPolicy
from functions.billing.ports import Customers, PaymentProvider, ProviderRefused, ProviderUnavailable
from functions.kernel import Clock, RateLimited, Transient, Work, effect


@effect(emits=[PaymentAccountChanged])
async def on_payment_account_requested(
    event: PaymentAccountRequested, customers: Customers, provider: PaymentProvider, policy: PaymentPolicy, clock: Clock, work: Work
) -> None:
    async with work.reading():
        customer = await customers.get_by_user(event.user_id)
    if customer is None:
        raise Transient(f"user {event.user_id} is not a customer yet")

    provider_id, status, detail = customer.provider_id, AccountStatus.OPENED, ""
    if provider_id is None and not policy.is_on:
        status = AccountStatus.OFF
    elif provider_id is None:
        try:
            provider_id = await provider.open_account(customer)
        except (ProviderUnavailable, RateLimited) as error:
            status, detail = AccountStatus.DELAYED, str(error)
        except ProviderRefused as error:
            status, detail = AccountStatus.REFUSED, str(error)

    async with work.recording() as record:
        if provider_id is not None:
            await customers.set_provider_id(customer.id, provider_id)
        record.emit(*customer.report_account(status, clock.now(), detail))
