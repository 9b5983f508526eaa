"""What an account's deletion and change of address mean for its teams."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from functions.auth.domain.team import Roster, Team, membership_event
from functions.auth.ports import Teams
from functions.auth.services.service_account_tokens import ServiceAccountTokens
from functions.kernel import Events, Membership, OutgoingMessage, Role


class TeamAffiliations:
    def __init__(self, teams: Teams, service_accounts: ServiceAccountTokens) -> None:
        self._teams = teams
        self._service_accounts = service_accounts

    async def owned_alone(self, user_id: UUID) -> Sequence[Team]:
        """Teams with other members or applications of which the user is the only owner. Holds the locks of all teams of the user."""
        found = []
        for team, membership in await self._locked(user_id):
            roster = await self._roster(team.id)
            is_only_owner = membership.role is Role.OWNER and not roster.has_other_owner(user_id)
            if is_only_owner and (len(roster.members) > 1 or await self._teams.list_applications(team.id)):
                found.append(team)
        return found

    async def end_all(self, user_id: UUID, now: datetime) -> Events:
        """End the memberships of a deleted user.

        A team without other members is deleted. In a team that has lost its only owner, the member of longest standing becomes
        the owner: an administrator of the team, if there is one.
        """
        events: list[OutgoingMessage] = []
        for team, membership in await self._locked(user_id):
            roster = await self._roster(team.id)
            if len(roster.members) == 1:
                events += await self._service_accounts.delete_all(team.id, now)
                events += team.delete(roster, now)
                await self._teams.delete(team.id)
                continue
            roster.drop(user_id)
            if membership.role is Role.OWNER and (heir := roster.appoint_heir()):
                await self._teams.save_member(heir)
                events.append(membership_event(heir, now))
            events += team.keep_contact(roster, now)
            await self._teams.save(team)
            await self._teams.remove_member(membership.id)
            events.append(membership_event(membership, now, has_ended=True))
        return tuple(events)

    async def change_email(self, user_id: UUID, former: str, email: str, now: datetime) -> Events:
        """Replace the contact address of teams that have the user's former one."""
        events: list[OutgoingMessage] = []
        for team, membership in await self._locked(user_id):
            if membership.role is Role.OWNER and team.email == former:
                events += team.change_email(email, now)
                await self._teams.save(team)
        return tuple(events)

    async def _locked(self, user_id: UUID) -> Sequence[tuple[Team, Membership]]:
        """The shared teams of the user with their locks, which all who lock several teams take in the same order."""
        found = []
        for each in sorted(team.id for team, _ in await self._teams.list_of(user_id)):
            team, membership = await self._teams.lock_any(each), await self._teams.find_membership(each, user_id)
            if team and membership:
                found.append((team, membership))
        return found

    async def _roster(self, team_id: UUID) -> Roster:
        return Roster.of(await self._teams.list_members(team_id))
