"""An administrator has mended what kept a registration from completing: it goes on with the step that was given up, or asks again at once."""

from uuid import UUID

from events.auth import CustomerRequested, PaymentAccountRequested, QuotaRequested
from functions.auth.domain.registration import RegistrationTimedOut
from functions.auth.domain.rejections import RegistrationOver, UnknownRegistration
from functions.auth.domain.shown import ShownRegistration
from functions.auth.ports import Registrations
from functions.kernel import ADMIN, Clock, Done, Model, Scale, command


class ResumeRegistration(Model):
    user_id: UUID


@command(
    http="POST /v1/auth/registrations/{user_id}/resumption",
    answers=202,
    allow=ADMIN,
    rejects=[UnknownRegistration, RegistrationOver],
    emits=[CustomerRequested, QuotaRequested, PaymentAccountRequested, RegistrationTimedOut],
    scale=Scale(max=1),
)
async def resume_registration(asked: ResumeRegistration, registrations: Registrations, clock: Clock) -> Done[ShownRegistration]:
    registration = await registrations.locked(asked.user_id)
    if registration is None:
        raise UnknownRegistration

    said = registration.resume(clock.now())
    await registrations.save(registration)
    return Done(ShownRegistration.of(registration, to_admin=True), *said)
