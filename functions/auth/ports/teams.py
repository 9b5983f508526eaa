"""Teams, their members and invitations."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.auth.domain.email import Email
from functions.auth.domain.environments import KnownEnvironments
from functions.auth.domain.invitation import Invitation
from functions.auth.domain.service_account import ServiceAccount
from functions.auth.domain.team import Member, Team
from functions.auth.domain.tokens import OpaqueToken
from functions.kernel import Membership, TeamAccess


class Teams(Protocol):
    """Shared teams. A personal team has no row."""

    async def add(self, team: Team, owner: Membership) -> None:
        """Insert a new team with the owner, who is counted as its creator."""
        ...

    async def count_created(self, user_id: UUID, since: datetime | None = None) -> int:
        """Teams that the user has created: those that exist, or with `since` those created since then, deleted ones included."""
        ...

    async def get(self, access: TeamAccess) -> Team:
        """Raises TeamNotFound."""
        ...

    async def lock(self, access: TeamAccess) -> Team:
        """`get`, with the row locked until the transaction ends: changes of the team and its members happen one after another."""
        ...

    async def lock_any(self, team_id: UUID) -> Team | None:
        """`lock` for what follows from an event or an invitation. Orders changes of its members."""
        ...

    async def find(self, team_id: UUID) -> Team | None:
        """Read a team for what follows from an event. Not locked."""
        ...

    async def save(self, team: Team) -> None: ...

    async def delete(self, team_id: UUID) -> None:
        """Delete the team with its members and invitations. Idempotent."""
        ...

    async def find_membership(self, team_id: UUID, user_id: UUID) -> Membership | None:
        """The membership of a user, also in the personal team."""
        ...

    async def list_of(self, user_id: UUID) -> Sequence[tuple[Team, Membership]]:
        """The shared teams of a user, oldest membership first."""
        ...

    async def list_members(self, team_id: UUID) -> Sequence[Member]:
        """Oldest first."""
        ...

    async def add_member(self, membership: Membership, at: datetime) -> None:
        """Raises AlreadyMember."""
        ...

    async def save_member(self, membership: Membership) -> None: ...

    async def remove_member(self, membership_id: UUID) -> None: ...

    async def add_applications(self, applications: Collection[tuple[UUID, UUID]]) -> None:
        """Remember applications, as (team, application), those of shared teams; not one that was deleted. Idempotent."""
        ...

    async def remove_application(self, team_id: UUID, application_id: UUID) -> None:
        """Forget its environments too. Idempotent, in whichever order the events arrive."""
        ...

    async def transfer_application(self, application_id: UUID, team_id: UUID, at: datetime) -> None:
        """Remember the team that an application was moved to, unless a later transfer is known. A deleted application stays deleted. Idempotent."""
        ...

    async def list_applications(self, team_id: UUID) -> Sequence[UUID]:
        """Applications of a shared team that are not deleted."""
        ...

    async def record_environment(self, application_id: UUID, name: str, *, is_deleted: bool, at: datetime) -> None:
        """Remember that an environment was created or deleted, unless something later is known of it. Idempotent."""
        ...

    async def list_environments(self, application_ids: Collection[UUID]) -> Mapping[UUID, KnownEnvironments]:
        """Of each application, also of one without events."""
        ...


class ServiceAccounts(Protocol):
    async def add(self, account: ServiceAccount) -> None:
        """Raises ServiceAccountNameTaken, and TooManyServiceAccounts beyond MAX_SERVICE_ACCOUNTS. The team is locked."""
        ...

    async def find(self, account_id: UUID) -> ServiceAccount | None:
        """Also a deleted one."""
        ...

    async def get(self, access: TeamAccess, account_id: UUID) -> ServiceAccount:
        """Of the team. Not locked: changes hold the team's lock. Raises ServiceAccountNotFound, also for a deleted one."""
        ...

    async def save(self, account: ServiceAccount) -> None:
        """Store role, grants and state."""
        ...

    async def list_of(self, team_id: UUID) -> Sequence[ServiceAccount]:
        """Oldest first, without deleted ones."""
        ...


class Invitations(Protocol):
    """An accepted or revoked invitation has no row. An expired one has a row until it is pruned or replaced."""

    async def add(self, invitation: Invitation) -> None:
        """Insert an invitation in place of an expired one and count it as sent. Raises AlreadyInvited."""
        ...

    async def get(self, invitation_id: UUID) -> Invitation | None: ...

    async def lock(self, invitation_id: UUID) -> Invitation | None:
        """`get`, with the row locked until the transaction ends. The team is locked before."""
        ...

    async def find_by_token(self, token: OpaqueToken) -> Invitation | None:
        """Not locked: which team it belongs to is known before the locks of the team and then of the invitation are taken."""
        ...

    async def list_open(self, team_id: UUID, now: datetime) -> Sequence[Invitation]:
        """Newest first, without expired ones."""
        ...

    async def count_by(self, user_id: UUID, since: datetime) -> int:
        """Invitations that a user has sent after `since`, also those that were revoked, accepted or deleted with their team."""
        ...

    async def count_to(self, email: Email, since: datetime) -> int:
        """As `count_by`, invitations to one address from whomever."""
        ...

    async def delete(self, invitation_id: UUID) -> None: ...

    async def prune(self, now: datetime) -> int:
        """Delete invitations that expired before the retention time, and what was counted before it. Returns the number of invitations."""
        ...
