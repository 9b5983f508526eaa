"""Close paid plans to a customer without a payment account.

A registration publishes the event after it has given up on the account. The customer stays on the free plan. Nothing
has to be refunded, because nothing can be charged without an account. An account that was opened in the meantime stays,
and the answer says so.
"""

from events.auth import PaymentAccountClosureRequested
from events.billing import PaymentAccountChanged
from functions.billing.domain.customers import AccountStatus
from functions.billing.ports import Customers
from functions.kernel import Clock, Done, Permanent, Scale, on


@on(emits=[PaymentAccountChanged], scale=Scale(max=2))
async def on_payment_account_closure_requested(event: PaymentAccountClosureRequested, customers: Customers, clock: Clock) -> Done[None]:
    customer = await customers.get_by_user(event.user_id)
    if customer is None:
        raise Permanent(f"user {event.user_id} is not a customer")

    if customer.provider_id is not None:
        return Done(None, *customer.report_account(AccountStatus.OPENED, clock.now()))
    await customers.set_account_refusal(customer.id, event.reason)
    return Done(None, *customer.report_account(AccountStatus.GIVEN_UP, clock.now(), event.reason))
