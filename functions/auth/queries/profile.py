"""Who am I: the signed-in user's own account. The most frequent request of all; it reads one row."""

from datetime import datetime
from uuid import UUID

from functions.auth.domain.rejections import UnknownUser
from functions.auth.domain.user import Role
from functions.auth.ports import Users
from functions.kernel import Caller, Model, Scale, query


class ShowProfile(Model):
    pass


class Profile(Model):
    id: UUID
    email: str
    email_verified: bool
    roles: list[Role]
    created_at: datetime
    updated_at: datetime


@query(http="GET /v1/users/me", rejects=[UnknownUser], scale=Scale(max=10, concurrency=64, pool=4))
async def profile(asked: ShowProfile, users: Users, caller: Caller) -> Profile:
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    # What comes from our own table is not validated again: this is the hot path.
    return Profile.model_construct(
        id=user.id,
        email=user.email,
        email_verified=user.is_verified,
        roles=sorted(user.roles),
        created_at=user.registered_at,
        updated_at=user.updated_at,
    )
