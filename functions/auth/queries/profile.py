"""Show your account."""

from functions.auth.domain.rejections import (
    UnknownUser,
)
from functions.auth.domain.views import ProfileView
from functions.auth.ports import Users
from functions.kernel import OWN_ACCOUNT, Caller, Model, Scale, query


class ShowProfile(Model):
    pass


@query(http="GET /v1/users/me", allow=OWN_ACCOUNT, rejects=[UnknownUser], scale=Scale(max=10, concurrency=64, pool=4))
async def profile(request: ShowProfile, users: Users, caller: Caller) -> ProfileView:
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    return ProfileView.of(user)
