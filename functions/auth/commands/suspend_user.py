"""Suspend an account.

Its sessions end at once, and its user cannot sign in and reads the reason there. Applications keep running. A second suspension
replaces the reason.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from events.auth import SessionEnded, UserSuspended
from functions.auth.domain.admin_views import UserView
from functions.auth.domain.rejections import (
    LastAdministrator,
    SelfSuspended,
    UserNotFound,
)
from functions.auth.domain.session import EndReason
from functions.auth.ports import ApiTokens, Sessions, Users
from functions.kernel import ADMIN, ONE_LINE, Caller, Change, Clock, Done, Model, Scale, command


class SuspendUser(Model):
    user_id: UUID
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), ONE_LINE] = Field(
        examples=["Repeated abuse reports."], description="For the user, as a sentence."
    )


@command(
    http="POST /v1/admin/users/{user_id}/suspension",
    allow=ADMIN,
    rejects=[UserNotFound, SelfSuspended, LastAdministrator],
    emits=[UserSuspended, SessionEnded],
    scale=Scale(max=1),
    needs_recent_login=True,
)
async def suspend_user(request: SuspendUser, users: Users, sessions: Sessions, tokens: ApiTokens, caller: Caller, clock: Clock) -> Done[UserView]:
    now = clock.now()
    if request.user_id == caller.user_id:
        raise SelfSuspended
    admins = await users.list_verified_admins(lock=True)  # two administrators must not suspend each other at once
    user = await users.get(request.user_id)
    if user is None:
        raise UserNotFound
    if user.is_admin and not [each for each in admins if each.id != user.id and each.suspended_at is None and each.deletes_at is None]:
        raise LastAdministrator

    was_suspended = user.suspended_at is not None
    events = user.suspend(request.reason, now)
    await users.save(user)
    ended = await sessions.end_all(user.id, EndReason.SUSPENDED, now)
    refused = await tokens.refuse_all(user.id, now)
    # the reason may describe the user, and personal values are erased with the account of the one who acts: it stands in the account only
    change = Change({"suspended": was_suspended}, {"suspended": True}, target=f"users/{user.id}/suspension")
    return Done(UserView.of(user), *events, *ended, *refused, change=change)
