"""Grants of members and service accounts: what they name exists, and they end with it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from functions.auth.domain.team import Roster, membership_event
from functions.auth.domain.team_rejections import UnknownApplication, UnknownEnvironment
from functions.auth.ports import ServiceAccounts, Teams
from functions.kernel import FieldError, Grant, Membership, OutgoingMessage


class Grants:
    def __init__(self, teams: Teams, accounts: ServiceAccounts) -> None:
        self._teams = teams
        self._accounts = accounts

    async def check(self, team_id: UUID, grants: Sequence[Grant]) -> None:
        """Raises UnknownApplication and UnknownEnvironment, with a pointer to each grant at fault."""
        if not grants:
            return
        applications = set(await self._teams.list_applications(team_id))
        if errors := [
            FieldError(f"/grants/{index}/applicationId", "is no application of the team")
            for index, each in enumerate(grants)
            if each.application_id not in applications
        ]:
            raise UnknownApplication(errors=errors)
        named = [(index, each.application_id, each.environment) for index, each in enumerate(grants) if each.environment is not None]
        known = await self._teams.list_environments({application_id for _, application_id, _ in named}) if named else {}
        if errors := [
            FieldError(
                f"/grants/{index}/environment",
                f'"{environment}" is no environment of the application. Environments: {", ".join(known[application_id].names)}',
            )
            for index, application_id, environment in named
            if not known[application_id].may_have(environment)
        ]:
            raise UnknownEnvironment(errors=errors)

    async def end(self, team_id: UUID, has_ended: Callable[[Grant], bool], now: datetime) -> Sequence[OutgoingMessage]:
        """Take grants from all members and service accounts of a team that the caller has locked. Return the events."""
        events: list[OutgoingMessage] = []
        for member in Roster.of(await self._teams.list_members(team_id)).members:
            if kept := _without(member.membership, has_ended):
                await self._teams.save_member(kept)
                events.append(membership_event(kept, now))
        for account in await self._accounts.list_of(team_id):
            if kept := _without(account.membership, has_ended):
                account.grants = kept.grants
                await self._accounts.save(account)
                if account.is_active:
                    events.append(membership_event(kept, now))
        return events


def _without(membership: Membership, has_ended: Callable[[Grant], bool]) -> Membership | None:
    """The membership with the other grants; None if it has no others."""
    kept = tuple(each for each in membership.grants if not has_ended(each))
    return replace(membership, grants=kept) if kept != membership.grants else None
