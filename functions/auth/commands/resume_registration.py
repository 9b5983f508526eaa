"""Resume a registration at its pending or failed step.

For administrators, after the cause of a failure is removed. The step is requested immediately, with a new deadline.
"""

from uuid import UUID

from events.auth import CustomerRequested, PaymentAccountRequested, QuotaRequested
from functions.auth.domain.registration import RegistrationTimedOut
from functions.auth.domain.rejections import (
    RegistrationComplete,
    UnknownRegistration,
)
from functions.auth.domain.views import RegistrationView
from functions.auth.ports import Registrations
from functions.kernel import ADMIN, Clock, Done, Model, Scale, command


class ResumeRegistration(Model):
    user_id: UUID


class RegistrationResumeAccepted(RegistrationView):
    """The registration, with its step requested again."""

    operation_id: UUID
    """The id of the user."""


@command(
    http="POST /v1/auth/registrations/{user_id}/resume",
    status=202,
    allow=ADMIN,
    rejects=[UnknownRegistration, RegistrationComplete],
    emits=[CustomerRequested, QuotaRequested, PaymentAccountRequested, RegistrationTimedOut],
    scale=Scale(max=1),
)
async def resume_registration(request: ResumeRegistration, registrations: Registrations, clock: Clock) -> Done[RegistrationResumeAccepted]:
    registration = await registrations.lock(request.user_id)
    if registration is None:
        raise UnknownRegistration(f"There is no registration for the user {request.user_id}.")

    events = registration.resume(clock.now())
    await registrations.save(registration)
    view = RegistrationView.of(registration, for_admin=True)
    return Done(RegistrationResumeAccepted(operation_id=registration.id, **view.model_dump()), *events)
