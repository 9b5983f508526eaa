"""End the lock of an account after failed sign-ins.

Its user can try again at once. Idempotent.
"""

from uuid import UUID

from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    UserNotFound,
)
from functions.auth.ports import LoginFailures, Users
from functions.kernel import ADMIN, Change, Done, Model, Scale, command


class UnlockUser(Model):
    user_id: UUID


@command(http="DELETE /v1/admin/users/{user_id}/lock", status=204, allow=ADMIN, rejects=[UserNotFound], scale=Scale(max=1))
async def unlock_user(request: UnlockUser, users: Users, failures: LoginFailures) -> Done[None]:
    user = await users.get(request.user_id)
    if user is None:
        raise UserNotFound
    failed_logins = await failures.lock(Email(user.email))
    change = Change({"failed_logins": failed_logins.count}, {"failed_logins": 0}, target=f"users/{user.id}/lock")
    failed_logins.clear()
    await failures.save(failed_logins)
    return Done(None, change=change)
