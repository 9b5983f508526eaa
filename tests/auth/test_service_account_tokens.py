"""API tokens of service accounts: nobody gets one that may do more than they, and each names who created it."""

import pytest

from events.auth import SessionEnded
from functions.auth.commands.create_service_account import CreateServiceAccount
from functions.auth.commands.create_service_account_token import CreateServiceAccountToken
from functions.auth.commands.revoke_service_account_token import RevokeServiceAccountToken
from functions.auth.commands.update_service_account import UpdateServiceAccount
from functions.auth.domain.rejections import InvalidTokenScopes, TokenNameTaken, TokenNotFound
from functions.auth.domain.team_rejections import (
    OwnerRole,
    ServiceAccountHasTokens,
)
from functions.auth.queries.service_account_tokens import ListServiceAccountTokens
from functions.auth.queries.service_accounts import ListServiceAccounts
from functions.kernel import Forbidden, RecentLoginRequired, Role, Scope
from tests.auth.service_account_world import World, world
from tests.auth.team_world import ADA, BOB, EVE

__all__ = ["world"]


async def test_a_token_is_revoked_alone_and_names_are_unique_in_its_account(world: World) -> None:
    team = await world.team(ADA)
    account, other = await world.account(team), await world.account(team, name="other")
    token = await world.token(team, account)
    await world.token(team, other)
    with pytest.raises(TokenNameTaken):
        await world.token(team, account)
    with pytest.raises(TokenNotFound):
        await world.call(RevokeServiceAccountToken(team_id=team, service_account_id=other, token_id=token.id), caller=ADA)
    for _ in range(2):
        await world.call(RevokeServiceAccountToken(team_id=team, service_account_id=account, token_id=token.id), caller=ADA)
    assert [each.session_id for each in world.events(SessionEnded)] == [token.id]
    tokens = [(await world.call(ListServiceAccountTokens(team_id=team, service_account_id=each), caller=ADA)).items for each in (account, other)]
    assert [len(each) for each in tokens] == [0, 1]


async def test_nobody_gets_a_token_of_more_than_their_own_role(world: World) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.ADMIN)
    await world.join(team, EVE, Role.DEVELOPER)
    payer, plain = await world.account(team, Role.BILLING, "payer"), await world.account(team)
    with pytest.raises(Forbidden, match=r"billing\.write"):
        await world.call(CreateServiceAccount(team_id=team, name="x", role=Role.BILLING), caller=BOB)
    with pytest.raises(Forbidden, match=r"billing\.write"):
        await world.token(team, payer, by=BOB)
    with pytest.raises(Forbidden, match=r"billing\.write"):
        await world.update(team, plain, by=BOB, role="billing")
    await world.update(team, payer, isDisabled=True, by=BOB)
    with pytest.raises(Forbidden, match=r"billing\.write"):
        await world.update(team, payer, isDisabled=False, by=BOB)
    await world.token(team, plain, by=BOB)
    with pytest.raises(Forbidden, match=r"team\.manage"):
        await world.token(team, plain, "eve", by=EVE)
    with pytest.raises(OwnerRole):
        await world.call(CreateServiceAccount(team_id=team, name="x", role=Role.OWNER), caller=world.recently(ADA))
    with pytest.raises(InvalidTokenScopes, match="scope admin"):
        await world.token(team, plain, "root", [Scope.ADMIN])
    request = CreateServiceAccountToken(team_id=team, service_account_id=plain, name="late", scopes=[Scope.READ])
    with pytest.raises(RecentLoginRequired):
        await world.call(request, caller=ADA)


async def test_a_larger_role_needs_a_recent_sign_in_and_no_token_that_others_know(world: World) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.ADMIN)
    account = await world.account(team)
    token = await world.token(team, account, by=BOB)
    for role in ("admin", "billing"):
        with pytest.raises(ServiceAccountHasTokens, match=r"an API token of ci \(t\)"):
            await world.update(team, account, role=role)
    assert (await world.call(ListServiceAccounts(team_id=team), caller=ADA)).items[0].role is Role.DEVELOPER
    await world.update(team, account, role="viewer")  # allows less
    await world.call(RevokeServiceAccountToken(team_id=team, service_account_id=account, token_id=token.id), caller=ADA)
    request = UpdateServiceAccount(team_id=team, service_account_id=account, role=Role.BILLING)
    with pytest.raises(RecentLoginRequired):
        await world.call(request, caller=ADA)
    await world.update(team, account, role="billing")
    await world.token(team, account)
    await world.advance(days=91)  # an expired token is none
    await world.update(team, account, role="admin")


async def test_a_token_names_who_created_it(world: World) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.ADMIN)
    account = await world.account(team)
    created = [await world.token(team, account, name, by=by) for name, by in (("a", ADA), ("b", BOB))]
    listed = (await world.call(ListServiceAccountTokens(team_id=team, service_account_id=account), caller=ADA)).items
    assert {each.name: each.created_by for each in (*created, *listed)} == {"a": ADA.user_id, "b": BOB.user_id}
