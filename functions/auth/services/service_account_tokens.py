"""What happens to the API tokens of service accounts when these are disabled, enabled or deleted. Callers hold the team's lock."""

from datetime import datetime
from uuid import UUID

from functions.auth.domain.service_account import ServiceAccount
from functions.auth.ports import ApiTokens, ServiceAccounts
from functions.kernel import Events, OutgoingMessage


class ServiceAccountTokens:
    def __init__(self, accounts: ServiceAccounts, tokens: ApiTokens) -> None:
        self._accounts = accounts
        self._tokens = tokens

    async def refuse(self, account: ServiceAccount, now: datetime) -> Events:
        """Refuse all tokens until `accept`."""
        return tuple(event for each in await self._tokens.list_for_user(account.id) for event in each.refuse(now))

    async def accept(self, account: ServiceAccount) -> None:
        """Accept the tokens again. Their former ids stay on the lists of ended sessions, so they get new ones."""
        await self._tokens.replace_ids(account.id)

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
