"""Show your account."""

from events.auth import AccountDeletionRequested, AccountRestored, EmailChanged, EmailVerified, PasswordChanged
from functions.auth.domain.rejections import (
    UnknownUser,
)
from functions.auth.domain.views import ProfileView
from functions.auth.ports import Users
from functions.kernel import OWN_ACCOUNT, Cache, Caller, Model, Scale, query


class ShowProfile(Model):
    pass


@query(
    http="GET /v1/users/me",
    allow=OWN_ACCOUNT,
    rejects=[UnknownUser],
    cache=Cache(60, purged_by_own=(EmailVerified, EmailChanged, PasswordChanged, AccountDeletionRequested, AccountRestored)),
    scale=Scale(max=10, concurrency=64, pool=4),
)
async def profile(request: ShowProfile, users: Users, caller: Caller) -> ProfileView:
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    return ProfileView.of(user)
