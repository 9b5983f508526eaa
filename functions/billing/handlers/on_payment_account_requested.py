"""A registration asks for the customer's account at the payment provider. It is told what came of it, even if nothing did: when to ask again, and
when to give up, is the saga's to say, so the runtime does not try this again by itself."""

from events.auth import PaymentAccountRequested
from events.billing import PaymentAccountChanged
from functions.billing.domain.customers import AccountStatus
from functions.billing.domain.facts import payment_account_changed
from functions.billing.ports import Customers, PaymentProvider, ProviderAway, ProviderRefused
from functions.kernel import Clock, RateLimited, Transient, Work, effect


@effect(emits=[PaymentAccountChanged])
async def on_payment_account_requested(
    wanted: PaymentAccountRequested, customers: Customers, provider: PaymentProvider, clock: Clock, work: Work
) -> None:
    async with work.reading():
        customer = await customers.of_user(wanted.user_id)
    if customer is None:
        raise Transient(f"user {wanted.user_id} is no customer yet")

    account, status, detail = customer.provider_id, AccountStatus.OPENED, ""
    if account is None:
        try:
            account = await provider.open_account(customer)
        except (ProviderAway, RateLimited) as away:
            status, detail = AccountStatus.DELAYED, str(away)
        except ProviderRefused as refused:
            status, detail = AccountStatus.REFUSED, str(refused)

    async with work.recording() as record:
        if account is not None:
            await customers.keep_provider_id(customer.id, account)
        record.emit(payment_account_changed(customer, status, clock.now(), detail))
