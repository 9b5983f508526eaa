"""What the API shows of teams."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from functions.auth.domain.invitation import Invitation
from functions.auth.domain.service_account import ServiceAccount
from functions.auth.domain.team import Team
from functions.kernel import ONE_LINE, PERMISSIONS, Grant, Membership, Model, Permission, Role


def _check_name(name: str) -> str:
    """The name is in the subject of e-mails to people who are no members. Raises ValueError for a URL."""
    if "://" in name:
        raise ValueError("has a URL")
    return name


TeamName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), ONE_LINE, AfterValidator(_check_name)]


class TeamView(Model):
    """`role`: yours. `email`: for bills and alerts. `is_personal`: your own team, with the id of your user; its name is empty."""

    id: UUID
    name: str
    email: str
    role: Role
    is_personal: bool
    created_at: datetime

    @classmethod
    def of(cls, team: Team, role: Role, *, is_personal: bool = False) -> Self:
        return cls(id=team.id, name=team.name, email=team.email, role=role, is_personal=is_personal, created_at=team.created_at)


class GrantView(Model):
    """Without `environment`: the application, and its environments that are not protected."""

    application_id: UUID
    environment: str | None = Field(default=None, min_length=1, max_length=63)

    @property
    def grant(self) -> Grant:
        return Grant(self.application_id, self.environment)

    @classmethod
    def all_of(cls, membership: Membership) -> list[Self]:
        return [cls(application_id=each.application_id, environment=each.environment) for each in membership.grants]


class MembershipView(Model):
    team_id: UUID
    user_id: UUID
    role: Role
    grants: list[GrantView]

    @classmethod
    def of(cls, membership: Membership) -> Self:
        return cls(team_id=membership.team_id, user_id=membership.user_id, role=membership.role, grants=GrantView.all_of(membership))


class InvitationView(Model):
    id: UUID
    team_id: UUID
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, each: Invitation) -> Self:
        return cls(id=each.id, team_id=each.team_id, email=each.email, role=each.role, created_at=each.created_at, expires_at=each.expires_at)


class ServiceAccountView(Model):
    """`created_by`: the user. `disabled_at`: since when its API tokens are refused."""

    id: UUID
    team_id: UUID
    name: str
    role: Role
    grants: list[GrantView]
    created_by: UUID
    created_at: datetime
    disabled_at: datetime | None

    @classmethod
    def of(cls, each: ServiceAccount) -> Self:
        return cls(
            id=each.id,
            team_id=each.team_id,
            name=each.name,
            role=each.role,
            grants=GrantView.all_of(each.membership),
            created_by=each.created_by,
            created_at=each.created_at,
            disabled_at=each.disabled_at,
        )


class TeamPermissionsView(Model):
    """What you may do in a team. `grants`: what you may do beyond the role."""

    team_id: UUID
    name: str
    role: Role
    permissions: list[Permission]
    grants: list[GrantView]

    @classmethod
    def of(cls, membership: Membership, name: str) -> Self:
        return cls(
            team_id=membership.team_id,
            name=name,
            role=membership.role,
            permissions=sorted(PERMISSIONS[membership.role]),
            grants=GrantView.all_of(membership),
        )
