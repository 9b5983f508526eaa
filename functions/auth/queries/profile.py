"""Show your account."""

from datetime import datetime
from uuid import UUID

from functions.auth.domain.rejections import UnknownUser
from functions.auth.domain.user import Role
from functions.auth.ports import Users
from functions.kernel import Caller, Model, Scale, query


class ShowProfile(Model):
    pass


class ProfileView(Model):
    id: UUID
    email: str
    email_verified: bool
    roles: list[Role]
    created_at: datetime
    updated_at: datetime


@query(http="GET /v1/users/me", rejects=[UnknownUser], scale=Scale(max=10, concurrency=64, pool=4))
async def profile(request: ShowProfile, users: Users, caller: Caller) -> ProfileView:
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    # Not validated again, because the row is trusted and this is the most frequent request.
    return ProfileView.model_construct(
        id=user.id,
        email=user.email,
        email_verified=user.is_verified,
        roles=sorted(user.roles),
        created_at=user.registered_at,
        updated_at=user.updated_at,
    )
