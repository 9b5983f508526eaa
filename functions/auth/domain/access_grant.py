"""What an access token carries: the rights of a session, or the smaller ones of an API token."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.auth.domain.user import Role
from functions.kernel import Scope


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """`session_id`: of the session, or of the API token. `scopes`: None for a session. `expires_at`: the access token ends then at the latest."""

    session_id: UUID
    authenticated_at: datetime | None = None
    methods: Collection[str] = ()
    scopes: Collection[Scope] | None = None
    expires_at: datetime | None = None

    def roles(self, owned: Collection[Role]) -> list[Role]:
        """The roles among those of the user that the grant passes on: admin only with the scope admin."""
        is_admin = self.scopes is None or Scope.ADMIN in self.scopes
        return sorted(role for role in owned if role is not Role.ADMIN or is_admin)
