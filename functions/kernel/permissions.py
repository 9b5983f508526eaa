"""Permissions of a team's members: what a role allows, and what a grant adds.

A permission belongs to a team and what it owns. Some belong to an environment: a member with the role developer has them in a
protected environment only with a grant that names it. Pure: contexts store memberships and pass them in.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from functions.kernel.outcome import Forbidden

PROTECTED_ENVIRONMENTS = frozenset({"production"})
"""A developer changes what runs there only with a grant that names the environment. An application may have others."""


class Permission(StrEnum):
    """What a route needs, in a team or of something that a team owns."""

    APP_READ = "app.read"
    APP_CREATE = "app.create"
    APP_CONFIGURE = "app.configure"
    """Settings, variables, repository access and environments."""
    APP_DEPLOY = "app.deploy"
    """Deployments, and starting, stopping and scaling an environment."""
    APP_RUN = "app.run"
    """One-off commands, whose streams may show secrets."""
    APP_DELETE = "app.delete"
    SERVICE_CONNECT = "service.connect"
    """Tunnels and shells to data services, with all that the application has stored there."""
    LOGS_READ = "logs.read"
    """Logs and metrics."""
    ALERTS_READ = "alerts.read"
    ALERTS_WRITE = "alerts.write"
    BILLING_READ = "billing.read"
    BILLING_WRITE = "billing.write"
    WEBHOOKS_MANAGE = "webhooks.manage"
    """Webhooks, which receive every public event of the team, also those of money, and their deliveries."""
    TEAM_READ = "team.read"
    TEAM_MANAGE = "team.manage"
    """Members, invitations and grants."""
    TEAM_OWN = "team.own"
    """Rename, transfer or delete the team, and appoint owners."""

    @property
    def is_of_environment(self) -> bool:
        """Whether it is checked for the environment that an action names."""
        return self in (Permission.APP_CONFIGURE, Permission.APP_DEPLOY, Permission.APP_RUN, Permission.SERVICE_CONNECT)


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    VIEWER = "viewer"
    BILLING = "billing"


_VIEWER = frozenset({Permission.APP_READ, Permission.LOGS_READ, Permission.ALERTS_READ, Permission.TEAM_READ})
_DEVELOPER = _VIEWER | {
    *(Permission.APP_CREATE, Permission.APP_CONFIGURE, Permission.APP_DEPLOY, Permission.APP_RUN),
    *(Permission.SERVICE_CONNECT, Permission.ALERTS_WRITE),
}
_OF_GRANTS = _DEVELOPER - {Permission.APP_CREATE}
"""What a grant can add in an application."""

PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission) - {Permission.BILLING_WRITE, Permission.TEAM_OWN},
    Role.DEVELOPER: _DEVELOPER,
    Role.VIEWER: _VIEWER,
    Role.BILLING: frozenset({Permission.BILLING_READ, Permission.BILLING_WRITE, Permission.TEAM_READ}),
}
"""Role → what its members may do."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a member may do as a developer beyond the role: in one application, or in one of its environments.

    Without `environment` it counts for the application and for its environments that are not protected.
    """

    application_id: UUID
    environment: str | None = None

    def __str__(self) -> str:
        return str(self.application_id) if self.environment is None else f"{self.application_id}:{self.environment}"


@dataclass(frozen=True, slots=True)
class Membership:
    """A user in a team. `id`: of this membership; a user who is removed and invited again has another, greater one (UUIDv7)."""

    id: UUID
    team_id: UUID
    user_id: UUID
    role: Role
    grants: tuple[Grant, ...] = ()

    @classmethod
    def personal(cls, user_id: UUID) -> "Membership":
        """The owner of the personal team: its id is that of the user."""
        return cls(user_id, user_id, user_id, Role.OWNER)

    @property
    def is_personal(self) -> bool:
        return self.id == self.team_id == self.user_id

    def allows(self, permission: Permission, application_id: UUID | None = None) -> bool:
        """Whether the role has the permission, or a grant adds it in this application.

        A grant that names an environment adds only what reads: what changes the application needs a grant of the application.
        """
        if permission in PERMISSIONS[self.role]:
            return True
        grants = [grant for grant in self.grants if grant.application_id == application_id]
        if permission in _VIEWER:
            return bool(grants)
        return permission in _OF_GRANTS and any(grant.environment is None for grant in grants)

    def allows_somewhere(self, permission: Permission, application_id: UUID) -> bool:
        """Whether `allows`, or `allows_in` for an environment that a grant names."""
        named = [grant.environment for grant in self.grants if grant.application_id == application_id and grant.environment is not None]
        return self.allows(permission, application_id) or any(self.allows_in(permission, application_id, each) for each in named)

    def allows_in(self, permission: Permission, application_id: UUID, environment: str, protected: Collection[str] = PROTECTED_ENVIRONMENTS) -> bool:
        """As `allows`, in one environment of the application. `protected`: its protected environments."""
        if not permission.is_of_environment:
            return self.allows(permission, application_id)
        grants = {grant.environment for grant in self.grants if grant.application_id == application_id}
        is_open = environment not in protected
        if permission in PERMISSIONS[self.role] and (is_open or self.role in (Role.OWNER, Role.ADMIN)):
            return True
        return permission in _OF_GRANTS and (environment in grants or (is_open and None in grants))

    def require(self, permission: Permission, application_id: UUID | None = None) -> None:
        """Raises Forbidden, with the permission that is missing and the role."""
        if not self.allows(permission, application_id):
            raise self._lacks(permission)

    def require_somewhere(self, permission: Permission, application_id: UUID) -> None:
        """As `require`, in the application or in one of its environments."""
        if not self.allows_somewhere(permission, application_id):
            raise self._lacks(permission)

    def require_in(self, permission: Permission, application_id: UUID, environment: str, protected: Collection[str] = PROTECTED_ENVIRONMENTS) -> None:
        """As `require`, in one environment of the application."""
        if self.allows_in(permission, application_id, environment, protected):
            return
        self.require_somewhere(permission, application_id)
        if environment in protected:
            detail = f"{environment} is a protected environment: for the permission {permission} there, the role {self.role} needs a grant."
        else:
            detail = f"This needs the permission {permission}, which the role {self.role} does not have in the environment {environment}."
        raise Forbidden(detail)

    def _lacks(self, permission: Permission) -> Forbidden:
        return Forbidden(f"This needs the permission {permission}, which the role {self.role} does not have in this team.")
