"""A registration's user may run something: now for the account at the payment provider. (Another quota, later, moves
nothing.)
"""

from events.auth import PaymentAccountRequested
from events.deploy import QuotaGranted
from functions.auth.domain.registration import RegistrationTimedOut
from functions.auth.ports import Registrations
from functions.kernel import Clock, Done, on


@on(emits=[PaymentAccountRequested, RegistrationTimedOut])
async def on_quota_granted(granted: QuotaGranted, registrations: Registrations, clock: Clock) -> Done[None]:
    registration = await registrations.lock(granted.user_id)
    if registration is None:
        return Done(None)

    said = registration.observe(granted, clock.now())
    await registrations.save(registration)
    return Done(None, *said)
