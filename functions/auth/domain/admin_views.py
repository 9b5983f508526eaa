"""What administrators see of users."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field

from functions.auth.domain.user import Role, User
from functions.kernel import Model


class UserView(Model):
    id: UUID
    email: str
    email_verified: bool
    name: str
    roles: list[Role]
    created_at: datetime
    deletes_at: datetime | None = Field(description="When the account is deleted, at the request of its user.")
    suspended_at: datetime | None
    suspension_reason: str | None

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(**_fields(user))


class UserDetailView(UserView):
    has_second_factor: bool
    sessions: int = Field(description="Sessions that have neither ended nor expired; 100 stands for more.")
    failed_logins: int = Field(description="Since the last sign-in.")
    locked_until: datetime | None = Field(description="Sign-ins are refused until then, after failed ones.")

    @classmethod
    def with_details(
        cls, user: User, *, has_second_factor: bool, sessions: int, failed_logins: int, locked_until: datetime | None
    ) -> "UserDetailView":
        return cls(**_fields(user), has_second_factor=has_second_factor, sessions=sessions, failed_logins=failed_logins, locked_until=locked_until)


def _fields(user: User) -> dict[str, object]:
    return {
        "id": user.id,
        "email": user.email,
        "email_verified": user.is_verified,
        "name": user.name,
        "roles": sorted(user.roles),
        "created_at": user.registered_at,
        "deletes_at": user.deletes_at,
        "suspended_at": user.suspended_at,
        "suspension_reason": user.suspension_reason or None,
    }
