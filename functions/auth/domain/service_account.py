"""A service account: what programs of a team act as.

It belongs to one team, has a role and grants as a member has, and acts by API tokens only: it has no address, no password and no session, and
nobody signs in as it. Other contexts know it as a membership whose user has its id. It outlives the account of the user who created it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.teams import ServiceAccountCreated, ServiceAccountDeleted
from functions.auth.domain.team import membership_event, require_may_give
from functions.auth.domain.team_rejections import OwnerRole
from functions.kernel import PERMISSIONS, Events, Grant, Membership, Permission, Role, TeamAccess, new_id

MAX_SERVICE_ACCOUNTS = 50
"""Of one team, disabled ones included."""


@dataclass(slots=True)
class ServiceAccount:
    id: UUID
    team_id: UUID
    name: str
    role: Role
    created_by: UUID
    created_at: datetime
    grants: tuple[Grant, ...] = ()
    disabled_at: datetime | None = None
    deleted_at: datetime | None = None

    @classmethod
    def create(cls, access: TeamAccess, name: str, role: Role, now: datetime) -> tuple["ServiceAccount", Events]:
        """Raises OwnerRole, and Forbidden for a role beyond that of its creator."""
        _require_may_act_as(access, role, now)
        account = cls(new_id(), access.team_id, name, role, access.caller.user_id, now)
        created = ServiceAccountCreated(
            service_account_id=account.id, team_id=account.team_id, name=name, role=role.value, created_by=account.created_by, at=now
        )
        return account, (created, membership_event(account.membership, now))

    @property
    def membership(self) -> Membership:
        return Membership(self.id, self.team_id, self.id, self.role, self.grants)

    @property
    def is_active(self) -> bool:
        return self.disabled_at is None and self.deleted_at is None

    def gains_permissions(self, role: Role) -> bool:
        """Whether the role allows something that the present one does not."""
        return bool(PERMISSIONS[role] - PERMISSIONS[self.role])

    def require_may_use(self, access: TeamAccess, now: datetime) -> None:
        """Whoever gets a token of the account acts with its role. Raises Forbidden for a role beyond their own."""
        _require_may_act_as(access, self.role, now)

    def change(self, access: TeamAccess, role: Role | None, grants: Iterable[Grant] | None, now: datetime) -> Events:
        """Change role and grants; None keeps them. A role that configures no applications takes the grants away. Raises as `create`."""
        if role is not None and role is not self.role:
            _require_may_act_as(access, role, now)
            self.role = role
            if Permission.APP_CONFIGURE not in PERMISSIONS[role]:
                self.grants = ()
        if grants is not None:
            self.grants = tuple(dict.fromkeys(grants))
        return (membership_event(self.membership, now),) if self.is_active else ()

    def disable(self, now: datetime) -> Events:
        """End its access everywhere until `enable`. Its tokens are refused by whoever calls this. Idempotent."""
        if not self.is_active:
            return ()
        self.disabled_at = now
        return (membership_event(self.membership, now, has_ended=True),)

    def enable(self, access: TeamAccess, now: datetime) -> Events:
        """Idempotent. Raises as `create`."""
        if self.disabled_at is None:
            return ()
        _require_may_act_as(access, self.role, now)
        self.disabled_at = None
        return (membership_event(self.membership, now),)

    def delete(self, now: datetime) -> Events:
        """Idempotent. Irreversible."""
        if self.deleted_at is not None:
            return ()
        self.deleted_at = now
        deleted = ServiceAccountDeleted(service_account_id=self.id, team_id=self.team_id, name=self.name, at=now)
        return (membership_event(self.membership, now, has_ended=True), deleted)


def _require_may_act_as(access: TeamAccess, role: Role, now: datetime) -> None:
    if role is Role.OWNER:
        raise OwnerRole
    require_may_give(access, role, now)
