"""A registration has given up its account at the payment provider: paid plans are closed to the customer, who stays on the free one and keeps all
that is there. Nothing was charged, since without an account nothing can be; an account that was opened after all stays, and counts."""

from events.auth import PaymentAccountClosureRequested
from events.billing import PaymentAccountChanged
from functions.billing.domain.customers import AccountStatus
from functions.billing.domain.facts import payment_account_changed
from functions.billing.domain.rejections import CustomerNotFound
from functions.billing.ports import Customers
from functions.kernel import Clock, Done, Scale, on


@on(emits=[PaymentAccountChanged], scale=Scale(max=2))
async def on_payment_account_closure_requested(unwanted: PaymentAccountClosureRequested, customers: Customers, clock: Clock) -> Done[None]:
    customer = await customers.of_user(unwanted.user_id)
    if customer is None:
        raise CustomerNotFound

    if customer.provider_id is not None:
        return Done(None, payment_account_changed(customer, AccountStatus.OPENED, clock.now()))
    await customers.refuse_account(customer.id, unwanted.reason)
    return Done(None, payment_account_changed(customer, AccountStatus.GIVEN_UP, clock.now(), unwanted.reason))
