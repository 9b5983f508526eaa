"""What happens to the API tokens of service accounts when these are disabled, enabled or deleted. Callers hold the team's lock."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from functions.auth.domain.service_account import ServiceAccount
from functions.auth.domain.team_rejections import ServiceAccountHasTokens
from functions.auth.ports import ApiTokens, ServiceAccounts
from functions.kernel import Events, OutgoingMessage


class ServiceAccountTokens:
    def __init__(self, accounts: ServiceAccounts, tokens: ApiTokens) -> None:
        self._accounts = accounts
        self._tokens = tokens

    async def refuse(self, account: ServiceAccount, now: datetime) -> Events:
        """Refuse all tokens until `accept`."""
        return await self._tokens.refuse_all(account.id, now)

    async def accept(self, account: ServiceAccount) -> Mapping[UUID, UUID]:
        """Accept the tokens again. Their former ids stay on the lists of ended sessions, so they get new ones. Returns former → new id."""
        return await self._tokens.replace_ids(account.id)

    async def require_none(self, account: ServiceAccount, now: datetime) -> None:
        """Raises ServiceAccountHasTokens if a token of the account is valid."""
        if names := sorted(each.name for each in await self._tokens.list_for_user(account.id) if each.is_valid(now)):
            raise ServiceAccountHasTokens(
                f"Whoever knows an API token of {account.name} ({', '.join(names)}) would get the permissions of the larger role. Revoke them first: "
                "capsule service-accounts revoke-token. Or create another service account."
            )

    async def revoke(self, account: ServiceAccount, now: datetime) -> Events:
        events: list[OutgoingMessage] = []
        for token in await self._tokens.list_for_user(account.id):
            events += token.revoke(now)
            await self._tokens.save(token)
        return tuple(events)

    async def delete_all(self, team_id: UUID, now: datetime) -> Events:
        """Delete the service accounts of a team that is deleted."""
        events: list[OutgoingMessage] = []
        for account in await self._accounts.list_of(team_id):
            events += account.delete(now)
            events += await self.revoke(account, now)
            await self._accounts.save(account)
        return tuple(events)
