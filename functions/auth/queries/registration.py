"""How far the signed-in user's registration has come: user, customer, quota, payment account, with times, attempts and the last error."""

from functions.auth.domain.rejections import UnknownRegistration
from functions.auth.domain.shown import ShownRegistration
from functions.auth.ports import Registrations
from functions.kernel import Caller, Model, query


class ShowRegistration(Model):
    pass


@query(http="GET /v1/users/me/registration", rejects=[UnknownRegistration])
async def registration(asked: ShowRegistration, registrations: Registrations, caller: Caller) -> ShownRegistration:
    found = await registrations.get(caller.user_id)
    if found is None:
        raise UnknownRegistration
    return ShownRegistration.of(found)
