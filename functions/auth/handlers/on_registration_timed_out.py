"""A registration's reminder: nothing has moved since it was sent, so the step is asked for again, or given up if its time is over."""

from events.auth import CustomerRequested, PaymentAccountClosureRequested, PaymentAccountRequested, QuotaRequested, RegistrationFailed
from functions.auth.domain.registration import RegistrationTimedOut
from functions.auth.ports import Registrations
from functions.kernel import Clock, Done, Order, on


@on(
    emits=[CustomerRequested, QuotaRequested, PaymentAccountRequested, PaymentAccountClosureRequested, RegistrationFailed, RegistrationTimedOut],
    order=Order.ANY,
)
async def on_registration_timed_out(timed_out: RegistrationTimedOut, registrations: Registrations, clock: Clock) -> Done[None]:
    registration = await registrations.locked(timed_out.user_id)
    if registration is None or registration.version != timed_out.registration_version:
        return Done(None)

    said = registration.expire(clock.now())
    await registrations.save(registration)
    return Done(None, *said)
