"""Show your account."""

from collections.abc import Sequence

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
    scale=Scale(max=10, concurrency=64, pool=4, batch=64),
)
async def profile(requests: Sequence[ShowProfile], users: Users, callers: Sequence[Caller]) -> Sequence[ProfileView]:
    found = {user.id: user for user in await users.list_by_id([caller.user_id for caller in callers])}
    if any(caller.user_id not in found for caller in callers):
        raise UnknownUser
    return [ProfileView.of(found[caller.user_id]) for caller in callers]
