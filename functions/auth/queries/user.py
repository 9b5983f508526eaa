"""Show a user to administrators."""

from uuid import UUID

from functions.auth.domain.admin_views import UserDetailView
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    UserNotFound,
)
from functions.auth.ports import LoginFailures, SecondFactors, Sessions, Users
from functions.kernel import ADMIN, Clock, Model, Scale, query

MAX_COUNTED_SESSIONS = 100


class ShowUser(Model):
    user_id: UUID


@query(http="GET /v1/admin/users/{user_id}", allow=ADMIN, rejects=[UserNotFound], scale=Scale(max=1))
async def user(request: ShowUser, users: Users, sessions: Sessions, factors: SecondFactors, failures: LoginFailures, clock: Clock) -> UserDetailView:
    now = clock.now()
    user = await users.get(request.user_id)
    if user is None:
        raise UserNotFound
    factor = await factors.get(user.id)
    failed_logins = await failures.find(Email(user.email))
    active = await sessions.list_active(user.id, now, before=None, limit=MAX_COUNTED_SESSIONS)
    return UserDetailView.with_details(
        user,
        has_second_factor=factor is not None and factor.is_enabled,
        sessions=len(active),
        failed_logins=failed_logins.count if failed_logins else 0,
        locked_until=failed_logins.locked_until if failed_logins and failed_logins.remaining_lock(now) else None,
    )
