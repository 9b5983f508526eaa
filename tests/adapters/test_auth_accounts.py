"""Contracts of changes of e-mail addresses and of the deletion of accounts, on memory and PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from functions.auth.adapters.postgres_email_changes import PostgresEmailChanges
from functions.auth.domain.email import Email
from functions.auth.domain.email_change import EMAIL_CHANGE_LIFETIME, EmailChange, Side, link_intent
from functions.auth.domain.email_limits import EmailKind, SentEmail
from functions.auth.domain.session import EndReason
from functions.auth.domain.tokens import RETENTION, OpaqueToken
from functions.auth.domain.user import User
from functions.auth.ports import EmailChanges, EmailTaken
from functions.kernel import new_id
from tests.adapters.auth_stores import NOW, Stores, in_memory, in_postgres, new_user, stored_session, stored_user
from tests.memory.auth import PlainEmailTokens
from tests.memory.auth_accounts import MemoryEmailChanges
from tests.servers import Databases

TOKENS = PlainEmailTokens()
Accounts = tuple[Stores, EmailChanges]


@pytest.fixture(scope="module")
def url(postgres: Databases) -> str:
    return postgres.database("auth").functions_url


@pytest.fixture(params=["memory", "postgres"])
async def accounts(request: pytest.FixtureRequest) -> AsyncIterator[Accounts]:
    if request.param == "memory":
        yield in_memory(), MemoryEmailChanges()
        return
    async with in_postgres(request.getfixturevalue("url")) as stores:
        assert stores.database is not None
        yield stores, PostgresEmailChanges(stores.database)


def new_change(user: User) -> EmailChange:
    change, _ = EmailChange.request(user, Email(f"new-{new_id().hex}@example.org"), TOKENS.mint, NOW)
    return change


def token_of(change: EmailChange, side: Side) -> OpaqueToken:
    return TOKENS.mint(link_intent(change.id, side))


async def test_a_change_is_found_by_both_links_until_another_replaces_it(accounts: Accounts) -> None:
    stores, changes = accounts
    user = await stored_user(stores)
    first, second = new_change(user), new_change(user)
    async with stores.transaction():
        await changes.replace(first)
        for side in Side:
            assert await changes.lock_by_token(token_of(first, side)) == first
        first.confirm(token_of(first, Side.NEW), NOW)
        await changes.save(first)
        assert await changes.get(user.id) == first
        await changes.replace(second)
        await changes.save(first)
        assert await changes.lock_by_token(token_of(first, Side.NEW)) is None
        assert await changes.get(user.id) == second
        await changes.prune(NOW + EMAIL_CHANGE_LIFETIME + RETENTION)
        assert await changes.get(user.id) == second
        await changes.delete(user.id)
        await changes.delete(user.id)
        assert await changes.get(user.id) is None


async def test_old_changes_are_pruned(accounts: Accounts) -> None:
    stores, changes = accounts
    user = await stored_user(stores)
    async with stores.transaction():
        await changes.replace(new_change(user))
        assert await changes.prune(NOW + EMAIL_CHANGE_LIFETIME + RETENTION + timedelta(seconds=1)) >= 1
        assert await changes.get(user.id) is None


async def test_an_address_that_is_taken_is_rejected_and_the_transaction_stays_usable(accounts: Accounts) -> None:
    stores, _ = accounts
    user, other = await stored_user(stores), await stored_user(stores)
    former = user.email
    async with stores.transaction():
        user.change_email(other.email, NOW)
        with pytest.raises(EmailTaken):
            await stores.users.save(user)
        stored = await stores.users.get(user.id)
        assert stored is not None and stored.email == former
        stored.change_email(f"free-{new_id().hex}@example.org", NOW)
        stored.rename("Ada", NOW)
        await stores.users.save(stored)
        assert await stores.users.get(user.id) == stored


async def test_accounts_are_due_at_the_end_of_their_grace_period_and_deleted_with_all_that_is_theirs(accounts: Accounts) -> None:
    stores, changes = accounts
    session, token = await stored_session(stores)
    user_id, kept = session.user_id, new_user()
    async with stores.transaction():
        user = await stores.users.get(user_id)
        assert user is not None
        user.request_deletion(timedelta(days=1), NOW)
        await stores.users.save(user)
        await stores.users.add(kept)
        await changes.replace(new_change(user))
        for kind in (EmailKind.EMAIL_CHANGE, EmailKind.PASSWORD_RESET):
            await stores.sent_emails.add(SentEmail(new_id(), user.id, kind, NOW))
        await stores.sessions.end_all(user.id, EndReason.ACCOUNT_DELETED, NOW)
        assert user_id not in [each.id for each in await stores.users.list_due_deletions(NOW + timedelta(hours=23), 1000)]
        due = [each for each in await stores.users.list_due_deletions(NOW + timedelta(days=1), 1000) if each.id in (user_id, kept.id)]
        assert due == [user]
        await stores.users.delete(user_id)
        await stores.users.delete(user_id)
        assert await stores.users.get(user_id) is None and await stores.users.get(kept.id) == kept
    if stores.database is not None:
        async with stores.transaction():
            assert await stores.sessions.lock_by_refresh_token(token) is None
            assert await changes.get(user_id) is None
