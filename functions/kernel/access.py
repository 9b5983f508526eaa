"""Callers and permissions. The gateway authenticates, functions authorize."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

RECENT_LOGIN = timedelta(minutes=10)
"""How long after a sign-in, or a confirmation of the identity, sensitive actions are allowed."""


class Scope(StrEnum):
    """What an API token may do. `Declaration.scope` says which one a function needs."""

    READ = "read"
    """Every query, except those of administrators and those about the account's security."""
    DEPLOY = "deploy"
    """The commands of deploy."""
    MONITOR = "monitor"
    """The commands of monitor."""
    BILLING = "billing"
    """The commands of billing."""
    ADMIN = "admin"
    """What needs the role admin. Without this scope a token does not have the role."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified user. `roles`: role names ("user", "admin"). `session_id`: the session, or the API token, behind the access token.

    `scopes`: those of the API token; None for a session, which may do everything that its user may. `authenticated_at`: when the
    user last entered a password or code in this session; None for an API token. `service_team_id`: the team of a service account, whose id
    is then `user_id`; None for a user.
    """

    user_id: UUID
    roles: frozenset[str] = frozenset({"user"})
    session_id: UUID | None = None
    scopes: frozenset[str] | None = None
    authenticated_at: datetime | None = None
    service_team_id: UUID | None = None

    @property
    def is_service_account(self) -> bool:
        return self.service_team_id is not None

    @property
    def default_team_id(self) -> UUID:
        """The team of a request that names none: the personal team of a user, the team of a service account."""
        return self.service_team_id or self.user_id

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    def has_recent_login(self, now: datetime) -> bool:
        return self.authenticated_at is not None and now - self.authenticated_at <= RECENT_LOGIN


@dataclass(frozen=True, slots=True)
class Client:
    """The client's address, as the gateway trusts it, and its User-Agent. Either may be empty."""

    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that started this work. All messages and log lines that follow from it carry its correlation id. `actor`: a user id."""

    correlation_id: str
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Allow:
    """A permission: anyone, or verified callers with one of `roles` (empty: any verified caller)."""

    name: str
    anyone: bool = False
    roles: frozenset[str] = frozenset()

    def admits(self, caller: Caller | None) -> bool:
        if self.anyone:
            return True
        return caller is not None and (not self.roles or not self.roles.isdisjoint(caller.roles))


ANYONE = Allow("anyone", anyone=True)
"""Public: no account is needed."""
OWN_ACCOUNT = Allow("own-account")
"""A signed-in user, about the own account."""
SIGNED_IN = Allow("signed-in")
"""A signed-in user. What a function has that declares nothing: a route must declare a permission or one of the others."""
ADMIN = Allow("admin", roles=frozenset({"admin"}))
