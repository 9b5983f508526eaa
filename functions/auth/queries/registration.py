"""Show the state of your registration.

Includes each step (user, customer, quota, payment account) with times, attempts and the last error.
"""

from functions.auth.domain.rejections import (
    UnknownRegistration,
)
from functions.auth.domain.views import RegistrationView
from functions.auth.ports import Registrations
from functions.kernel import OWN_ACCOUNT, Caller, Model, query


class ShowRegistration(Model):
    pass


@query(http="GET /v1/users/me/registration", allow=OWN_ACCOUNT, rejects=[UnknownRegistration])
async def registration(request: ShowRegistration, registrations: Registrations, caller: Caller) -> RegistrationView:
    registration = await registrations.get(caller.user_id)
    if registration is None:
        raise UnknownRegistration
    return RegistrationView.of(registration)
