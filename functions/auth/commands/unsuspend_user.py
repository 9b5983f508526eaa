"""End the suspension of an account.

Its user can sign in again. Idempotent.
"""

from uuid import UUID

from events.auth import UserUnsuspended
from functions.auth.domain.admin_views import UserView
from functions.auth.domain.rejections import (
    UserNotFound,
)
from functions.auth.ports import Users
from functions.kernel import ADMIN, Change, Clock, Done, Model, Scale, command


class UnsuspendUser(Model):
    user_id: UUID


@command(http="DELETE /v1/admin/users/{user_id}/suspension", allow=ADMIN, rejects=[UserNotFound], emits=[UserUnsuspended], scale=Scale(max=1))
async def unsuspend_user(request: UnsuspendUser, users: Users, clock: Clock) -> Done[UserView]:
    user = await users.get(request.user_id)
    if user is None:
        raise UserNotFound
    was_suspended = user.suspended_at is not None
    events = user.unsuspend(clock.now())
    if events:
        await users.save(user)
    change = Change({"suspended": was_suspended}, {"suspended": False}, target=f"users/{user.id}/suspension")
    return Done(UserView.of(user), *events, change=change)
