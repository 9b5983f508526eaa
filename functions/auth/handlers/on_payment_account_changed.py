"""What came of the account at the payment provider: the registration is complete, waits and asks again, or is
compensated.
"""

from events.auth import PaymentAccountClosureRequested, RegistrationCompleted, RegistrationFailed
from events.billing import PaymentAccountChanged
from functions.auth.domain.registration import RegistrationTimedOut
from functions.auth.ports import Registrations
from functions.kernel import Clock, Done, on


@on(emits=[RegistrationCompleted, PaymentAccountClosureRequested, RegistrationFailed, RegistrationTimedOut])
async def on_payment_account_changed(changed: PaymentAccountChanged, registrations: Registrations, clock: Clock) -> Done[None]:
    registration = await registrations.lock(changed.user_id)
    if registration is None:
        return Done(None)

    said = registration.observe(changed, clock.now())
    await registrations.save(registration)
    return Done(None, *said)
