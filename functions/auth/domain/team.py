"""A team: a name, a contact address and members, of whom at least one is an owner.

Applications, quota and plan belong to a team, in the contexts that own them. The personal team of a user has the user's id;
it is not stored, has one member and no invitations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self
from uuid import UUID

from events.teams import ApplicationGrant, TeamChanged, TeamDeleted, TeamMembershipChanged
from functions.auth.domain.rejections import LastOwner, MemberNotFound, PersonalTeam
from functions.auth.domain.user import User
from functions.kernel import Events, Forbidden, Grant, Membership, Permission, Role, TeamAccess, new_id

MAX_TEAMS = 50
"""Of one user."""
MAX_MEMBERS = 200
"""Of one team, with the invitations that are open."""
MAX_GRANTS = 200
"""Of one member."""


@dataclass(slots=True)
class Team:
    id: UUID
    name: str
    email: str
    """For bills and alerts: the address of the owner who created it, or to whom it was transferred."""
    created_at: datetime

    @classmethod
    def create(cls, name: str, owner: User, now: datetime) -> tuple[Self, Membership, Events]:
        team = cls(new_id(), name, owner.email, now)
        membership = Membership(new_id(), team.id, owner.id, Role.OWNER)
        return team, membership, (team._changed(now), membership_event(membership, now))

    def rename(self, name: str, now: datetime) -> Events:
        """Idempotent."""
        if name == self.name:
            return ()
        self.name = name
        return (self._changed(now),)

    def change_email(self, email: str, now: datetime) -> Events:
        """Idempotent."""
        if email == self.email:
            return ()
        self.email = email
        return (self._changed(now),)

    def delete(self, roster: "Roster", now: datetime) -> Events:
        """End all memberships. The team has no applications."""
        ended = (membership_event(each, now, has_ended=True) for each in roster.members)
        return (*ended, TeamDeleted(team_id=self.id, at=now))

    def _changed(self, now: datetime) -> TeamChanged:
        return TeamChanged(team_id=self.id, name=self.name, email=self.email, at=now)


def membership_event(membership: Membership, now: datetime, *, has_ended: bool = False) -> TeamMembershipChanged:
    return TeamMembershipChanged(
        membership_id=membership.id,
        team_id=membership.team_id,
        user_id=membership.user_id,
        role=None if has_ended else membership.role.value,
        grants=()
        if has_ended
        else tuple(ApplicationGrant(application_id=each.application_id, environment=each.environment) for each in membership.grants),
        at=now,
    )


def require_shared(access: TeamAccess) -> None:
    """Raises PersonalTeam."""
    if access.team_id == access.membership.user_id == access.membership.id:
        raise PersonalTeam


@dataclass(slots=True)
class Roster:
    """All members of one team. Changes return the changed memberships' new state with their events; callers hold the team's lock."""

    members: list[Membership]

    @classmethod
    def of(cls, members: Iterable[Membership]) -> Self:
        return cls(list(members))

    def get(self, user_id: UUID) -> Membership:
        """Raises MemberNotFound."""
        found = next((each for each in self.members if each.user_id == user_id), None)
        if found is None:
            raise MemberNotFound
        return found

    @property
    def owners(self) -> Sequence[Membership]:
        return [each for each in self.members if each.role is Role.OWNER]

    def change_role(self, user_id: UUID, role: Role, access: TeamAccess) -> Membership:
        """Raises MemberNotFound, LastOwner, and Forbidden if somebody who is no owner appoints or demotes one."""
        member = self.get(user_id)
        if member.role is role:
            return member
        if Role.OWNER in (member.role, role):
            require_owner(access)
            self._require_other_owner(member)
        return self._replace(replace(member, role=role))

    def change_grants(self, user_id: UUID, grants: Iterable[Grant]) -> Membership:
        """Raises MemberNotFound."""
        return self._replace(replace(self.get(user_id), grants=tuple(dict.fromkeys(grants))))

    def remove(self, user_id: UUID, access: TeamAccess) -> Membership:
        """Raises MemberNotFound, LastOwner, and Forbidden if somebody who is no owner removes another one."""
        member = self.get(user_id)
        if member.role is Role.OWNER:
            if user_id != access.caller.user_id:
                require_owner(access)
            self._require_other_owner(member)
        self.members.remove(member)
        return member

    def transfer(self, former: UUID, owner: UUID) -> tuple[Membership, Membership]:
        """Make another member an owner, and the former owner an administrator of the team. Raises MemberNotFound."""
        return self._replace(replace(self.get(owner), role=Role.OWNER)), self._replace(replace(self.get(former), role=Role.ADMIN))

    def _require_other_owner(self, member: Membership) -> None:
        if member.role is Role.OWNER and len(self.owners) == 1:
            raise LastOwner

    def _replace(self, member: Membership) -> Membership:
        self.members = [member if each.id == member.id else each for each in self.members]
        return member


def require_owner(access: TeamAccess) -> None:
    """Raises Forbidden for somebody who is no owner."""
    if not access.membership.allows(Permission.TEAM_OWN):
        raise Forbidden(f"Only an owner appoints, demotes or removes owners: this needs {Permission.TEAM_OWN}, and your role is {access.role}.")
