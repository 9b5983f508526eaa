"""Checks what a caller may do with the bills of a team."""

from uuid import UUID

from functions.billing.domain.rejections import TeamNotFound
from functions.billing.ports import Memberships
from functions.kernel import Permit, TeamAccess, check_team


class AccessControl:
    def __init__(self, memberships: Memberships) -> None:
        self._memberships = memberships

    async def to_team(self, permit: Permit, team_id: UUID | None) -> TeamAccess:
        """None: the personal team, or that of a service account. Raises TeamNotFound, and Forbidden for a member without the permission."""
        team_id = team_id or permit.caller.default_team_id
        return check_team(permit, await self._memberships.find(team_id, permit.caller.user_id), TeamNotFound(), foreign_id=team_id)
