"""In-memory teams and invitations of the auth context."""

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from uuid import UUID

from functions.auth.domain.email import Email
from functions.auth.domain.environments import KnownEnvironments, created_at
from functions.auth.domain.invitation import Invitation, hash_address
from functions.auth.domain.service_account import MAX_SERVICE_ACCOUNTS, ServiceAccount
from functions.auth.domain.team import Member, Team
from functions.auth.domain.team_rejections import (
    AlreadyInvited,
    AlreadyMember,
    ServiceAccountNameTaken,
    ServiceAccountNotFound,
    TeamNotFound,
    TooManyServiceAccounts,
)
from functions.auth.domain.tokens import RETENTION, OpaqueToken
from functions.auth.ports import Users
from functions.kernel import Membership, TeamAccess


class MemoryTeams:
    def __init__(self, users: Users) -> None:
        self._users = users
        self.teams: dict[UUID, Team] = {}
        self.members: dict[UUID, tuple[Membership, datetime]] = {}
        self.created: dict[UUID, tuple[UUID, datetime]] = {}
        """Team, also a deleted one → (user, when)."""
        self.applications: dict[UUID, tuple[UUID | None, bool]] = {}
        """Application → (team, None for a personal one; whether it is deleted)."""
        self.transferred_at: dict[UUID, datetime] = {}
        self.environments: dict[tuple[UUID, str], tuple[bool, datetime]] = {}
        """(application, name) → (whether it is deleted, since when)."""
        self.environments_known_since = datetime.fromtimestamp(0, UTC)

    async def add(self, team: Team, owner: Membership) -> None:
        self.teams[team.id] = deepcopy(team)
        await self.add_member(owner, team.created_at)
        self.created[team.id] = (owner.user_id, team.created_at)

    async def count_created(self, user_id: UUID, since: datetime | None = None) -> int:
        return sum(creator == user_id and (team_id in self.teams if since is None else at > since) for team_id, (creator, at) in self.created.items())

    async def get(self, access: TeamAccess) -> Team:
        team = await self.lock_any(access.team_id)
        if team is None:
            raise TeamNotFound
        return team

    async def lock(self, access: TeamAccess) -> Team:
        return await self.get(access)

    async def lock_any(self, team_id: UUID) -> Team | None:
        return deepcopy(self.teams.get(team_id))

    async def find(self, team_id: UUID) -> Team | None:
        return await self.lock_any(team_id)

    async def save(self, team: Team) -> None:
        if team.id in self.teams:
            self.teams[team.id] = deepcopy(team)

    async def delete(self, team_id: UUID) -> None:
        self.teams.pop(team_id, None)
        self.members = {key: each for key, each in self.members.items() if each[0].team_id != team_id}
        self.applications = {key: each for key, each in self.applications.items() if each[0] != team_id}

    def _of(self, team_id: UUID) -> list[tuple[Membership, datetime]]:
        return sorted((each for each in self.members.values() if each[0].team_id == team_id), key=lambda each: each[0].id)

    async def find_membership(self, team_id: UUID, user_id: UUID) -> Membership | None:
        if team_id == user_id:
            return Membership.personal(user_id)
        return next((each for each, _ in self._of(team_id) if each.user_id == user_id), None)

    async def list_of(self, user_id: UUID) -> Sequence[tuple[Team, Membership]]:
        found = sorted((each for each, _ in self.members.values() if each.user_id == user_id), key=lambda each: each.id)
        return [(deepcopy(self.teams[each.team_id]), each) for each in found]

    async def list_members(self, team_id: UUID) -> Sequence[Member]:
        members = []
        for membership, joined_at in self._of(team_id):
            user = await self._users.get(membership.user_id)
            if user is not None:
                members.append(Member(membership, user.email, user.name, joined_at, user.deletes_at, user.suspended_at))
        return members

    async def add_member(self, membership: Membership, at: datetime) -> None:
        if await self.find_membership(membership.team_id, membership.user_id):
            raise AlreadyMember
        self.members[membership.id] = (membership, at)

    async def save_member(self, membership: Membership) -> None:
        if membership.id in self.members:
            self.members[membership.id] = (membership, self.members[membership.id][1])

    async def remove_member(self, membership_id: UUID) -> None:
        self.members.pop(membership_id, None)

    async def add_applications(self, applications: Collection[tuple[UUID, UUID]]) -> None:
        for team_id, application_id in applications:
            if team_id in self.teams:
                self.applications.setdefault(application_id, (team_id, False))

    async def remove_application(self, team_id: UUID, application_id: UUID) -> None:
        if team_id in self.teams:
            self.applications[application_id] = (team_id, True)
        self.environments = {key: each for key, each in self.environments.items() if key[0] != application_id}

    async def transfer_application(self, application_id: UUID, team_id: UUID, at: datetime) -> None:
        if application_id in self.transferred_at and self.transferred_at[application_id] > at:
            return
        self.transferred_at[application_id] = at
        is_deleted = self.applications.get(application_id, (None, False))[1]
        self.applications[application_id] = (team_id if team_id in self.teams else None, is_deleted)

    async def list_applications(self, team_id: UUID) -> Sequence[UUID]:
        return [key for key, (team, is_deleted) in self.applications.items() if team == team_id and not is_deleted]

    async def record_environment(self, application_id: UUID, name: str, *, is_deleted: bool, at: datetime) -> None:
        known = self.environments.get((application_id, name))
        if known is None or known[1] <= at:
            self.environments[application_id, name] = (is_deleted, at)

    async def list_environments(self, application_ids: Collection[UUID]) -> Mapping[UUID, KnownEnvironments]:
        return {
            each: KnownEnvironments(
                {name: not is_deleted for (id, name), (is_deleted, _) in self.environments.items() if id == each},
                created_at(each) >= self.environments_known_since,
            )
            for each in application_ids
        }


class MemoryServiceAccounts:
    def __init__(self) -> None:
        self.rows: dict[UUID, ServiceAccount] = {}

    async def add(self, account: ServiceAccount) -> None:
        others = await self.list_of(account.team_id)
        if len(others) >= MAX_SERVICE_ACCOUNTS:
            raise TooManyServiceAccounts
        if account.name in {each.name for each in others}:
            raise ServiceAccountNameTaken
        self.rows[account.id] = deepcopy(account)

    async def find(self, account_id: UUID) -> ServiceAccount | None:
        return deepcopy(self.rows.get(account_id))

    async def get(self, access: TeamAccess, account_id: UUID) -> ServiceAccount:
        account = self.rows.get(account_id)
        if account is None or account.team_id != access.team_id or account.deleted_at is not None:
            raise ServiceAccountNotFound
        return deepcopy(account)

    async def save(self, account: ServiceAccount) -> None:
        self.rows[account.id] = deepcopy(account)

    async def list_of(self, team_id: UUID) -> Sequence[ServiceAccount]:
        return [deepcopy(each) for _, each in sorted(self.rows.items()) if each.team_id == team_id and each.deleted_at is None]


class MemoryInvitations:
    def __init__(self) -> None:
        self.rows: dict[UUID, Invitation] = {}
        self.sent: list[tuple[UUID, bytes, datetime]] = []
        """Who invited, the hash of the address, and when: also for invitations without a row."""

    async def add(self, invitation: Invitation) -> None:
        former = next((each for each in self.rows.values() if (each.team_id, each.email) == (invitation.team_id, invitation.email)), None)
        if former and former.expires_at > invitation.created_at:
            raise AlreadyInvited
        if former:
            del self.rows[former.id]
        self.rows[invitation.id] = deepcopy(invitation)
        self.sent.append((invitation.invited_by, invitation.address_hash, invitation.created_at))

    async def get(self, invitation_id: UUID) -> Invitation | None:
        return deepcopy(self.rows.get(invitation_id))

    async def lock(self, invitation_id: UUID) -> Invitation | None:
        return await self.get(invitation_id)

    async def find_by_token(self, token: OpaqueToken) -> Invitation | None:
        return next((deepcopy(each) for each in self.rows.values() if each.token_hash == token.hash), None)

    async def list_open(self, team_id: UUID, now: datetime) -> Sequence[Invitation]:
        found = [each for each in self.rows.values() if each.team_id == team_id and each.expires_at > now]
        return deepcopy(sorted(found, key=lambda each: each.id, reverse=True))

    async def count_by(self, user_id: UUID, since: datetime) -> int:
        return sum(inviter == user_id and at > since for inviter, _, at in self.sent)

    async def count_to(self, email: Email, since: datetime) -> int:
        return sum(invited == hash_address(email.address) and at > since for _, invited, at in self.sent)

    async def delete(self, invitation_id: UUID) -> None:
        self.rows.pop(invitation_id, None)

    async def prune(self, now: datetime) -> int:
        before = len(self.rows)
        self.sent = [each for each in self.sent if each[2] >= now - RETENTION]
        self.rows = {key: each for key, each in self.rows.items() if each.expires_at >= now - RETENTION}
        return before - len(self.rows)
