"""What an account's deletion and change of address mean for its teams."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from functions.auth.domain.team import Roster, Team, membership_event
from functions.auth.ports import Teams
from functions.kernel import Events, OutgoingMessage, Role


class TeamAffiliations:
    def __init__(self, teams: Teams) -> None:
        self._teams = teams

    async def owned_alone(self, user_id: UUID) -> Sequence[Team]:
        """Teams with other members or applications of which the user is the only owner."""
        found = []
        for team, membership in await self._teams.list_of(user_id):
            roster = await self._roster(team.id)
            is_only_owner = membership.role is Role.OWNER and len(roster.owners) == 1
            if is_only_owner and (len(roster.members) > 1 or await self._teams.list_applications(team.id)):
                found.append(team)
        return found

    async def end_all(self, user_id: UUID, now: datetime) -> Events:
        """End the memberships of a deleted user.

        A team without other members is deleted. In a team that has lost its only owner, the member of longest standing becomes
        the owner: an administrator of the team, if there is one.
        """
        events: list[OutgoingMessage] = []
        for each, membership in await self._teams.list_of(user_id):
            team = await self._teams.lock_any(each.id)
            if team is None:
                continue
            roster = await self._roster(team.id)
            others = [member for member in roster.members if member.user_id != user_id]
            if not others:
                events += team.delete(roster, now)
                await self._teams.delete(team.id)
                continue
            if [owner.user_id for owner in roster.owners] == [user_id]:
                heir = min(others, key=lambda member: (member.role is not Role.ADMIN, member.id))
                owner, _ = roster.transfer(user_id, heir.user_id)
                await self._teams.save_member(owner)
                email = next(member.email for member in await self._teams.list_members(team.id) if member.membership.id == owner.id)
                events += [membership_event(owner, now), *team.change_email(email, now)]
                await self._teams.save(team)
            await self._teams.remove_member(membership.id)
            events.append(membership_event(membership, now, has_ended=True))
        return tuple(events)

    async def change_email(self, user_id: UUID, former: str, email: str, now: datetime) -> Events:
        """Replace the contact address of teams that have the user's former one."""
        events: list[OutgoingMessage] = []
        for each, membership in await self._teams.list_of(user_id):
            if membership.role is Role.OWNER and each.email == former and (team := await self._teams.lock_any(each.id)):
                events += team.change_email(email, now)
                await self._teams.save(team)
        return tuple(events)

    async def _roster(self, team_id: UUID) -> Roster:
        return Roster.of(each.membership for each in await self._teams.list_members(team_id))
