"""Show the caller: a user or a service account, with scopes.

Any caller may ask, whatever the scopes of its API token. `GET /v1/me/permissions` has what it may do in each team.
"""

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from functions.auth.domain.rejections import UnknownUser
from functions.auth.ports import ServiceAccounts, Users
from functions.kernel import OWN_ACCOUNT, Caller, Model, Scope, query


class CallerKind(StrEnum):
    USER = "user"
    SERVICE_ACCOUNT = "service-account"


class ShowCaller(Model):
    pass


class CallerView(Model):
    kind: CallerKind
    id: UUID
    name: str = Field(description="To show; may be empty for a user.")
    email: str | None = Field(description="Of a user, for a session or an API token with the scope `read`.")
    team_id: UUID = Field(description="The team of a request that names none: the personal team of a user, the team of a service account.")
    roles: list[str]
    scopes: list[Scope] | None = Field(description="Of the API token; null for a session, which may do all that its user may.")


@query(http="GET /v1/me", allow=OWN_ACCOUNT, rejects=[UnknownUser], allows_service_accounts=True, needs_scope=False)
async def me(request: ShowCaller, users: Users, accounts: ServiceAccounts, caller: Caller) -> CallerView:
    scopes = None if caller.scopes is None else sorted(map(Scope, caller.scopes))
    email, kind = None, CallerKind.SERVICE_ACCOUNT if caller.is_service_account else CallerKind.USER
    if caller.is_service_account:
        account = await accounts.find(caller.user_id)
        if account is None:
            raise UnknownUser
        name = account.name
    else:
        user = await users.get(caller.user_id)
        if user is None:
            raise UnknownUser
        name, email = user.name, user.email if scopes is None or Scope.READ in scopes else None
    return CallerView(kind=kind, id=caller.user_id, name=name, email=email, team_id=caller.default_team_id, roles=sorted(caller.roles), scopes=scopes)
