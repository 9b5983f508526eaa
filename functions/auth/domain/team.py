"""A team: a name, a contact address and members, of whom at least one is an owner.

Applications, quota and plan belong to a team, in the contexts that own them. The personal team of a user has the user's id;
it is not stored, has one member and no invitations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from events.teams import ApplicationGrant, TeamChanged, TeamDeleted, TeamMembershipChanged
from functions.auth.domain.team_rejections import (
    InactiveMember,
    LastOwner,
    MemberNotFound,
    PersonalTeam,
)
from functions.auth.domain.user import User
from functions.kernel import PERMISSIONS, Events, Forbidden, Grant, Membership, Permission, RecentLoginRequired, Role, TeamAccess, new_id

MAX_TEAMS = 50
"""Of one user."""
MAX_CREATED = 3
"""Teams that one user has created and that exist: each has a free plan."""
MAX_CREATED_IN_WINDOW = 5
"""Teams that one user creates within CREATION_WINDOW, deleted ones included."""
CREATION_WINDOW = timedelta(days=30)
MAX_MEMBERS = 200
"""Of one team, with the invitations that are open."""
MAX_GRANTS = 200
"""Of one member."""


@dataclass(frozen=True, slots=True)
class Member:
    """A membership with what is shown of its user, and with what ends or pauses the account."""

    membership: Membership
    email: str
    name: str
    joined_at: datetime
    deletes_at: datetime | None = None
    suspended_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether the account is neither being deleted nor suspended."""
        return self.deletes_at is None and self.suspended_at is None

    def may_give(self, role: Role) -> bool:
        """Whether the member may give the role now; not while the account is suspended."""
        return self.suspended_at is None and may_give(self.membership.role, role)


@dataclass(slots=True)
class Team:
    id: UUID
    name: str
    email: str
    """For bills and alerts: the address of an owner: who created the team, or to whom it was transferred or fell."""
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
        ended = (membership_event(each.membership, now, has_ended=True) for each in roster.members)
        return (*ended, TeamDeleted(team_id=self.id, at=now))

    def keep_contact(self, roster: "Roster", now: datetime) -> Events:
        """Replace a contact address that is no owner's by that of the owner of longest standing, so that no former owner gets bills and alerts."""
        if not roster.owners or self.email in (each.email for each in roster.owners):
            return ()
        return self.change_email((roster.active_owners or roster.owners)[0].email, now)

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
    if access.membership.is_personal:
        raise PersonalTeam


@dataclass(slots=True)
class Roster:
    """All members of one team, oldest first. Changes return the changed memberships' new state; callers hold the team's lock."""

    members: list[Member]

    @classmethod
    def of(cls, members: Iterable[Member]) -> Self:
        return cls(list(members))

    def find(self, user_id: UUID) -> Member | None:
        return next((each for each in self.members if each.membership.user_id == user_id), None)

    def get(self, user_id: UUID) -> Membership:
        """Raises MemberNotFound."""
        found = self.find(user_id)
        if found is None:
            raise MemberNotFound
        return found.membership

    @property
    def owners(self) -> Sequence[Member]:
        return [each for each in self.members if each.membership.role is Role.OWNER]

    @property
    def active_owners(self) -> Sequence[Member]:
        return [each for each in self.owners if each.is_active]

    def has_other_owner(self, user_id: UUID) -> bool:
        """Whether the team has an owner besides this user. An account that is suspended or being deleted does not count."""
        return any(each.membership.user_id != user_id for each in self.active_owners)

    def change_role(self, user_id: UUID, role: Role, access: TeamAccess, now: datetime) -> Membership:
        """A role that configures no applications takes the grants away, which may be set again.

        Raises MemberNotFound, LastOwner, Forbidden if somebody who is no owner demotes one, or gives a role beyond their own, and
        RecentLoginRequired."""
        member = self.get(user_id)
        if member.role is role:
            return member
        require_may_give(access, role, now)
        if member.role is Role.OWNER:
            require_owner(access)
            self._require_other_owner(member)
        keeps_grants = Permission.APP_CONFIGURE in PERMISSIONS[role]
        return self._replace(replace(member, role=role, grants=member.grants if keeps_grants else ()))

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
        self.drop(user_id)
        return member

    def drop(self, user_id: UUID) -> None:
        """Remove a member, the last owner too."""
        self.members = [each for each in self.members if each.membership.user_id != user_id]

    def transfer(self, former: UUID, owner: UUID) -> tuple[Membership, Membership]:
        """Make another member an owner, and the former owner an administrator of the team. Raises MemberNotFound and InactiveMember."""
        member, target = self.get(owner), self.find(owner)
        if target is None or not target.is_active:
            raise InactiveMember
        return self._replace(replace(member, role=Role.OWNER)), self._replace(replace(self.get(former), role=Role.ADMIN))

    def appoint_heir(self) -> Membership | None:
        """Make a member the owner of a team that has lost its last one: whoever has an active account first, then an administrator of the
        team, then the member of longest standing. None if an active owner remains, or nobody better than a present owner."""
        heir = min(self.members, key=_precedence).membership
        return None if heir.role is Role.OWNER else self._replace(replace(heir, role=Role.OWNER))

    def _require_other_owner(self, member: Membership) -> None:
        if member.role is Role.OWNER and not self.has_other_owner(member.user_id):
            raise LastOwner

    def _replace(self, member: Membership) -> Membership:
        self.members = [replace(each, membership=member) if each.membership.id == member.id else each for each in self.members]
        return member


def _precedence(member: Member) -> tuple[bool, int, UUID]:
    """Of an heir: the least one inherits."""
    ranks = {Role.OWNER: 0, Role.ADMIN: 1}
    return not member.is_active, ranks.get(member.membership.role, len(ranks)), member.membership.id


def require_owner(access: TeamAccess) -> None:
    """Raises Forbidden for somebody who is no owner."""
    if not access.membership.allows(Permission.TEAM_OWN):
        raise Forbidden(f"Only an owner appoints, demotes or removes owners: this needs {Permission.TEAM_OWN}, and your role is {access.role}.")


def may_give(giver: Role, role: Role) -> bool:
    """Whether a member with one role may give another one: whoever manages members, and gives no more than they have."""
    return Permission.TEAM_MANAGE in PERMISSIONS[giver] and PERMISSIONS[role] <= PERMISSIONS[giver]


def require_may_give(access: TeamAccess, role: Role, now: datetime) -> None:
    """Raises Forbidden, and RecentLoginRequired for the role of an owner, so that a stolen session does not suffice."""
    if role is Role.OWNER:
        require_owner(access)
    if not may_give(access.role, role):
        missing = ", ".join(sorted(PERMISSIONS[role] - PERMISSIONS[access.role]))
        raise Forbidden(f"Nobody gives a role with more permissions than their own: your role {access.role} lacks {missing}.")
    if role is Role.OWNER and not access.caller.has_recent_login(now):
        raise RecentLoginRequired
