"""List the members of a team with their roles and grants."""

from datetime import datetime
from uuid import UUID

from functions.auth.domain.team import Member
from functions.auth.domain.team_rejections import (
    PersonalTeam,
    TeamNotFound,
)
from functions.auth.domain.team_views import GrantView, MembershipView
from functions.auth.ports import Teams
from functions.auth.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, query


class ListTeamMembers(Model):
    team_id: UUID


class TeamMemberView(MembershipView):
    email: str
    name: str
    joined_at: datetime


@query(http="GET /v1/teams/{team_id}/members", permission=Permission.TEAM_READ, rejects=[TeamNotFound, PersonalTeam])
async def team_members(request: ListTeamMembers, teams: Teams, control: AccessControl, permit: Permit) -> Page[TeamMemberView]:
    access = await control.to_shared_team(permit, request.team_id)
    return Page(items=[_view(each) for each in await teams.list_members(access.team_id)])


def _view(member: Member) -> TeamMemberView:
    membership = member.membership
    return TeamMemberView(
        team_id=membership.team_id,
        user_id=membership.user_id,
        role=membership.role,
        grants=GrantView.all_of(membership),
        email=member.email,
        name=member.name,
        joined_at=member.joined_at,
    )
