"""Changes of one team happen one after another, on what the former one has left (PostgreSQL only)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from pydantic import SecretStr

from functions.auth.adapters.postgres_invitations import PostgresInvitations
from functions.auth.adapters.postgres_service_accounts import PostgresServiceAccounts
from functions.auth.adapters.postgres_teams import PostgresTeams
from functions.auth.commands.accept_invitation import AcceptInvitation, accept_invitation
from functions.auth.commands.create_team import CreateTeam, create_team
from functions.auth.commands.revoke_invitation import RevokeInvitation, revoke_invitation
from functions.auth.domain.email import Email
from functions.auth.domain.invitation import Invitation
from functions.auth.domain.team import MAX_CREATED, Team
from functions.auth.domain.team_rejections import (
    InvitationNotFound,
    TooManyTeams,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.services.access_control import AccessControl
from functions.kernel import Caller, Forbidden, Membership, Permission, Permit, Role, new_id
from tests.adapters.auth_stores import NOW, Stores, in_postgres, stored_user
from tests.servers import Databases


class FixedClock:
    def now(self) -> datetime:
        return NOW


@pytest.fixture(scope="module")
def url(postgres: Databases) -> Iterator[str]:
    yield postgres.database("auth").functions_url


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    async with in_postgres(url) as stores:
        yield stores


async def test_a_permission_is_checked_again_under_the_lock(stores: Stores) -> None:
    assert stores.database is not None
    teams, owner, user = PostgresTeams(stores.database), await stored_user(stores), await stored_user(stores)
    team, of_owner, _ = Team.create("crew", owner, NOW)
    admin, is_locked = Membership(new_id(), team.id, user.id, Role.ADMIN), asyncio.Event()
    async with stores.transaction():
        await teams.add(team, of_owner)
        await teams.add_member(admin, NOW)

    async def demote() -> None:
        async with stores.transaction():
            await teams.lock_any(team.id)
            is_locked.set()
            await asyncio.sleep(0.1)
            await teams.save_member(replace(admin, role=Role.VIEWER))

    async def manage() -> None:
        await is_locked.wait()
        async with stores.transaction():
            await AccessControl(teams, PostgresServiceAccounts(stores.database)).lock_shared_team(
                Permit(Caller(user.id), Permission.TEAM_MANAGE), team.id
            )

    demoted, managed = await asyncio.gather(demote(), manage(), return_exceptions=True)
    assert demoted is None
    assert isinstance(managed, Forbidden)


async def test_an_invitation_is_accepted_or_revoked(stores: Stores) -> None:
    assert stores.database is not None
    teams, invitations, owner, guest = (
        PostgresTeams(stores.database),
        PostgresInvitations(stores.database),
        *[await stored_user(stores) for _ in range(2)],
    )
    team, of_owner, _ = Team.create("crew", owner, NOW)
    token, is_accepted = OpaqueToken(f"token-{new_id()}"), asyncio.Event()
    invitation, _ = Invitation.create(new_id(), team.id, Email(guest.email), Role.VIEWER, owner.id, token, NOW)
    async with stores.transaction():
        await teams.add(team, of_owner)
        await invitations.add(invitation)

    async def accept() -> None:
        async with stores.transaction():
            request = AcceptInvitation(token=SecretStr(token.text))
            await accept_invitation(request, invitations, teams, stores.users, Caller(guest.id), FixedClock())
            is_accepted.set()
            await asyncio.sleep(0.1)

    async def revoke() -> None:
        await is_accepted.wait()
        async with stores.transaction():
            permit = Permit(Caller(owner.id), Permission.TEAM_MANAGE)
            request = RevokeInvitation(team_id=team.id, invitation_id=invitation.id)
            await revoke_invitation(request, invitations, AccessControl(teams, PostgresServiceAccounts(stores.database)), permit, FixedClock())

    accepted, revoked = await asyncio.gather(accept(), revoke(), return_exceptions=True)
    assert accepted is None
    assert isinstance(revoked, InvitationNotFound)


async def test_parallel_requests_create_no_more_teams_than_allowed(stores: Stores) -> None:
    assert stores.database is not None
    teams, user = PostgresTeams(stores.database), await stored_user(stores)

    async def create() -> None:
        async with stores.transaction():
            await create_team(CreateTeam(name="crew"), stores.users, teams, Caller(user.id), FixedClock())

    results = await asyncio.gather(*(create() for _ in range(MAX_CREATED + 2)), return_exceptions=True)
    assert [type(each) for each in results if each is not None] == [TooManyTeams] * 2
