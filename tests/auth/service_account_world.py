"""A team with a service account, across contexts."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from pydantic import SecretStr

from functions.auth.commands.create_service_account import CreateServiceAccount
from functions.auth.commands.create_service_account_token import CreatedServiceAccountTokenView, CreateServiceAccountToken
from functions.auth.commands.exchange_token import ExchangeToken
from functions.auth.commands.update_service_account import UpdateServiceAccount
from functions.kernel import Caller, Role, Scope
from tests.auth.team_world import ADA, TeamWorld


class World(TeamWorld):
    async def account(self, team: UUID, role: Role = Role.DEVELOPER, name: str = "ci") -> UUID:
        created = await self.call(CreateServiceAccount(team_id=team, name=name, role=role), caller=ADA)
        await self.settle()
        assert isinstance(created.id, UUID)
        return created.id

    async def token(
        self, team: UUID, account: UUID, name: str = "t", scopes: Sequence[Scope] = (Scope.READ, Scope.DEPLOY), by: Caller = ADA
    ) -> CreatedServiceAccountTokenView:
        request = CreateServiceAccountToken(team_id=team, service_account_id=account, name=name, scopes=list(scopes))
        created = await self.call(request, caller=self.recently(by))
        assert isinstance(created, CreatedServiceAccountTokenView)
        return created

    async def exchange(self, token: CreatedServiceAccountTokenView) -> str:
        return str((await self.call(ExchangeToken(token=SecretStr(token.token)))).access_token)

    async def update(self, team: UUID, account: UUID, by: Caller = ADA, **changes: object) -> None:
        await self.call(UpdateServiceAccount.model_validate({"teamId": team, "serviceAccountId": account, **changes}), caller=self.recently(by))
        await self.settle()


def acting(team: UUID, account: UUID, *scopes: Scope) -> Caller:
    """A program with an access token of the service account."""
    return Caller(account, frozenset(), scopes=frozenset(scopes or (Scope.READ, Scope.DEPLOY, Scope.MONITOR, Scope.BILLING)), service_team_id=team)


@pytest.fixture
async def world() -> World:
    world = World()
    await world.prepare()
    return world
