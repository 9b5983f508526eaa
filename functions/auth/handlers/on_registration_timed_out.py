"""Request a registration's current step again, or fail it.

The event is the registration's own reminder. It has no effect if the registration has changed since it was sent.
"""

from events.auth import CustomerRequested, PaymentAccountClosureRequested, PaymentAccountRequested, QuotaRequested, RegistrationFailed
from functions.auth.domain.registration import RegistrationTimedOut
from functions.auth.ports import Registrations
from functions.kernel import Clock, Done, Order, on


@on(
    emits=[CustomerRequested, QuotaRequested, PaymentAccountRequested, PaymentAccountClosureRequested, RegistrationFailed, RegistrationTimedOut],
    order=Order.ANY,
)
async def on_registration_timed_out(event: RegistrationTimedOut, registrations: Registrations, clock: Clock) -> Done[None]:
    registration = await registrations.lock(event.user_id)
    if registration is None or registration.version != event.registration_version:
        return Done(None)

    events = registration.expire(clock.now())
    await registrations.save(registration)
    return Done(None, *events)
