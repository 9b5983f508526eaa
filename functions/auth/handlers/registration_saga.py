"""Continue a registration when its current step is done.

The events arrive as `auth.on_customer_created`, `auth.on_quota_granted` and `auth.on_payment_account_changed`. An event that the
registration does not wait for (a later change of the quota) has no effect.
"""

from events.auth import PaymentAccountClosureRequested, PaymentAccountRequested, QuotaRequested, RegistrationCompleted, RegistrationFailed
from events.billing import CustomerCreated, PaymentAccountChanged
from events.deploy import QuotaGranted
from functions.auth.domain.registration import RegistrationTimedOut
from functions.auth.ports import Registrations
from functions.kernel import Clock, Done, saga


@saga(
    emits=[
        QuotaRequested,
        PaymentAccountRequested,
        PaymentAccountClosureRequested,
        RegistrationCompleted,
        RegistrationFailed,
        RegistrationTimedOut,
    ]
)
async def registration_saga(event: CustomerCreated | QuotaGranted | PaymentAccountChanged, registrations: Registrations, clock: Clock) -> Done[None]:
    registration = await registrations.lock(event.user_id)
    if registration is None:
        return Done(None)

    events = registration.observe(event, clock.now())
    await registrations.save(registration)
    return Done(None, *events)
