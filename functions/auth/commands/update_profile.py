"""Change the name of your account."""

from typing import Annotated

from pydantic import Field

from functions.auth.domain.rejections import (
    UnknownUser,
)
from functions.auth.domain.views import ProfileView
from functions.auth.ports import Users
from functions.kernel import ONE_LINE, OWN_ACCOUNT, Caller, Change, Clock, Done, Model, command


class UpdateProfile(Model):
    name: Annotated[str, Field(max_length=100, examples=["Ada Lovelace"], description="To show. Empty: none."), ONE_LINE]


@command(http="PATCH /v1/users/me", allow=OWN_ACCOUNT, rejects=[UnknownUser])
async def update_profile(request: UpdateProfile, users: Users, caller: Caller, clock: Clock) -> Done[ProfileView]:
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    former_name = user.name
    user.rename(request.name.strip(), clock.now())
    await users.save(user)
    return Done(ProfileView.of(user), change=Change({"name": former_name}, {"name": user.name}, is_personal=True))
