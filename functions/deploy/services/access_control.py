"""Checks what a caller may do in a team and with its applications."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, TeamNotFound
from functions.deploy.ports import Applications, Memberships
from functions.kernel import (
    ApplicationAccess,
    Membership,
    Permit,
    Rejection,
    TeamAccess,
    check_application,
    check_some_environment,
    check_team,
)


class AccessControl:
    def __init__(self, applications: Applications, memberships: Memberships) -> None:
        self._applications = applications
        self._memberships = memberships

    async def to_team(self, permit: Permit, team_id: UUID | None, missing: Rejection | None = None) -> TeamAccess:
        """None: the personal team, or that of a service account.

        Raises `missing` (default: TeamNotFound) for somebody who is no member, and Forbidden for a member without the permission.
        """
        team_id = team_id or permit.caller.default_team_id
        membership = await self._memberships.find(team_id, permit.caller.user_id)
        return check_team(permit, membership, missing or TeamNotFound.of(team_id), foreign_id=team_id)

    async def to_application(self, permit: Permit, application_id: UUID, missing: Rejection | None = None) -> ApplicationAccess:
        """Raises `missing` (default: ApplicationNotFound) for somebody who is no member of its team, and Forbidden for a member without
        the permission."""
        membership, protected = await self._find_membership(permit, application_id)
        return check_application(permit, application_id, membership, missing or ApplicationNotFound.of(application_id), protected)

    async def to_all_environments(self, permit: Permit, application_id: UUID) -> ApplicationAccess:
        """`to_application`, for what reaches every environment: also the protected ones, whether they exist or are created later."""
        checked = await self.to_application(permit, application_id)
        for environment in sorted(checked.protected):
            checked.require_in(environment)
        return checked

    async def to_some_environment(self, permit: Permit, application_id: UUID) -> ApplicationAccess:
        """For use cases that find the environment later: they call `require_in` then. Raises as `to_application`."""
        membership, protected = await self._find_membership(permit, application_id)
        return check_some_environment(permit, application_id, membership, ApplicationNotFound.of(application_id), protected)

    async def to_environment(self, permit: Permit, application_id: UUID, environment: EnvironmentName) -> ApplicationAccess:
        """Access in one environment of an application: a protected one may need a grant. Raises as `to_application`."""
        return (await self.to_some_environment(permit, application_id)).require_in(environment)

    async def readable_teams(self, permit: Permit) -> Sequence[Membership]:
        """The caller's memberships with the permission, the personal team first."""
        found = await self._memberships.list_of(permit.caller.user_id)
        return [each for each in found if each.allows(permit.permission) and not (permit.caller.is_service_account and each.is_personal)]

    async def names(self, team_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """How to call teams in a sentence, by id."""
        known = await self._memberships.names(team_ids)
        return {each: f'The team "{known[each]}"' if each in known else "The personal team" for each in team_ids}

    async def _find_membership(self, permit: Permit, application_id: UUID) -> tuple[Membership | None, Collection[str]]:
        """The caller's membership in the team of the application, and its protected environments."""
        found = await self._applications.find_ownership(application_id)
        if found is None:
            return None, ()
        team_id, protected = found
        return await self._memberships.find(team_id, permit.caller.user_id), protected
