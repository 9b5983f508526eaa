"""A registration's user is a customer: now for the quota."""

from events.auth import QuotaRequested
from events.billing import CustomerCreated
from functions.auth.domain.registration import RegistrationTimedOut
from functions.auth.ports import Registrations
from functions.kernel import Clock, Done, on


@on(emits=[QuotaRequested, RegistrationTimedOut])
async def on_customer_created(created: CustomerCreated, registrations: Registrations, clock: Clock) -> Done[None]:
    registration = await registrations.lock(created.user_id)
    if registration is None:
        return Done(None)

    said = registration.observe(created, clock.now())
    await registrations.save(registration)
    return Done(None, *said)
