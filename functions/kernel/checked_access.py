"""Checked access: values that prove that a caller's permission was checked.

Stores take them in place of ids. They are made by `check_team`, `check_application` and `check_some_environment` only, so a use case that forgets the
check does not type-check: an id is no access. Each context has a service `AccessControl` that looks up the membership.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import InitVar, dataclass
from typing import Protocol, final
from uuid import UUID

from functions.kernel.access import Caller
from functions.kernel.outcome import Rejection
from functions.kernel.permissions import PROTECTED_ENVIRONMENTS, Membership, Permission, Role


@dataclass(frozen=True, slots=True)
class Permit:
    """Who asks for which permission: the verified caller, and the permission that the function declares. Checked nowhere yet."""

    caller: Caller
    permission: Permission


class _Check:
    """Only this module has one."""


_CHECK = _Check()


@dataclass(frozen=True)
class TeamAccess:
    """A permission in a team, checked."""

    caller: Caller
    permission: Permission
    membership: Membership
    check: InitVar[_Check]

    def __post_init__(self, check: _Check) -> None:
        if check is not _CHECK:
            raise TypeError("access is made by its check only")

    @property
    def team_id(self) -> UUID:
        return self.membership.team_id

    @property
    def role(self) -> Role:
        return self.membership.role


@final
@dataclass(frozen=True)
class ApplicationAccess:
    """A permission of an application, checked."""

    caller: Caller
    permission: Permission
    membership: Membership
    application_id: UUID
    check: InitVar[_Check]
    protected: Collection[str] = PROTECTED_ENVIRONMENTS
    """The application's protected environments."""

    def __post_init__(self, check: _Check) -> None:
        if check is not _CHECK:
            raise TypeError("access is made by its check only")

    @property
    def team_id(self) -> UUID:
        return self.membership.team_id

    def also_allows(self, permission: Permission) -> bool:
        """Whether the caller has another permission in the application too."""
        return self.membership.allows(permission, self.application_id)

    def require_in(self, environment: str) -> "ApplicationAccess":
        """Return this access if it counts in the environment. Raises Forbidden."""
        self.membership.require_in(self.permission, self.application_id, environment, self.protected)
        return self


def _require_member(permit: Permit, membership: Membership | None, missing: Rejection, foreign_id: UUID | None = None) -> Membership:
    """Return the membership if it is the caller's. A service account has no personal team.

    Memberships of a service account, and what `foreign_id` names, are known from events: the runtime waits for what was created just now.
    """
    caller = permit.caller
    own_id = caller.user_id if caller.is_service_account else None
    missing.foreign_ids = tuple(each for each in (foreign_id, own_id) if each is not None)
    is_of_caller = membership is not None and membership.user_id == caller.user_id
    if membership is None or not is_of_caller or (caller.is_service_account and membership.is_personal):
        raise missing
    return membership


def check_team(permit: Permit, membership: Membership | None, missing: Rejection, *, foreign_id: UUID | None = None) -> TeamAccess:
    """Raises `missing` for somebody who is no member, and Forbidden for a member without the permission.

    `foreign_id`: of the team, in a context that knows teams from events.
    """
    membership = _require_member(permit, membership, missing, foreign_id)
    membership.require(permit.permission)
    return TeamAccess(permit.caller, permit.permission, membership, _CHECK)


def check_application(
    permit: Permit,
    application_id: UUID,
    membership: Membership | None,
    missing: Rejection,
    protected: Collection[str] = PROTECTED_ENVIRONMENTS,
    *,
    foreign_id: UUID | None = None,
) -> ApplicationAccess:
    """As `check_team`. `membership`: of the caller, in the team that owns the application. `protected`: its protected environments.

    `foreign_id`: of the application, in a context that knows applications from events.
    """
    membership = _require_member(permit, membership, missing, foreign_id)
    membership.require(permit.permission, application_id)
    return ApplicationAccess(permit.caller, permit.permission, membership, application_id, _CHECK, protected)


def check_some_environment(
    permit: Permit,
    application_id: UUID,
    membership: Membership | None,
    missing: Rejection,
    protected: Collection[str] = PROTECTED_ENVIRONMENTS,
) -> ApplicationAccess:
    """As `check_application`, for a member who has the permission in at least one environment.

    The use case calls `require_in` before it changes or shows what is in an environment.
    """
    membership = _require_member(permit, membership, missing)
    membership.require_somewhere(permit.permission, application_id)
    return ApplicationAccess(permit.caller, permit.permission, membership, application_id, _CHECK, protected)


class Memberships(Protocol):
    """The members of teams as a context knows them from events. The personal team of a user needs no row."""

    async def find(self, team_id: UUID, user_id: UUID) -> Membership | None:
        """The membership of a user, also in the personal team."""
        ...

    async def list_of(self, user_id: UUID) -> Sequence[Membership]:
        """All memberships of a user, the personal team first."""
        ...

    async def names(self, team_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """Team → name. Personal teams have none."""
        ...

    async def save(self, membership: Membership) -> None:
        """Insert or replace. An older membership of the same user in the team does not replace a newer one."""
        ...

    async def remove(self, membership_id: UUID) -> None:
        """Idempotent."""
        ...

    async def save_team(self, team_id: UUID, name: str) -> None: ...

    async def remove_team(self, team_id: UUID) -> None:
        """Remove the team with its members. Idempotent."""
        ...
