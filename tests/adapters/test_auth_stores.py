"""Contracts of the auth context's stores, on memory and PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest

from events.auth import SessionEnded
from functions.auth.domain.email import Email
from functions.auth.domain.email_limits import EmailKind, SentEmail
from functions.auth.domain.lockout import FailedLogins
from functions.auth.domain.session import WITH_CODE, Device, EndReason, Session
from functions.auth.domain.tokens import RETENTION, OpaqueToken, TokenPurpose, VerificationToken
from functions.auth.domain.user import Role
from functions.auth.ports import EmailTaken
from functions.kernel import Transient, new_id
from tests.adapters.auth_stores import HASH, NOW, Stores, new_user, stored_session, stored_user


class TestUsers:
    async def test_a_user_is_stored_completely(self, stores: Stores) -> None:
        user = new_user()
        user.roles = frozenset({Role.USER, Role.ADMIN})
        async with stores.transaction():
            await stores.users.add(user)
        async with stores.transaction(read_only=True):
            assert await stores.users.get(user.id) == user
            assert await stores.users.get_by_email(Email(user.email.upper())) == user

    async def test_unknown_users_are_none(self, stores: Stores) -> None:
        async with stores.transaction(read_only=True):
            assert await stores.users.get(new_id()) is None
            assert await stores.users.get_by_email(Email("nobody@example.org")) is None

    async def test_users_are_read_together(self, stores: Stores) -> None:
        first, second = await stored_user(stores), await stored_user(stores)
        async with stores.transaction(read_only=True):
            found = await stores.users.list_by_id([first.id, new_id(), second.id, first.id])
            assert sorted(found, key=lambda user: user.id) == sorted([first, second], key=lambda user: user.id)
            assert await stores.users.list_by_id([new_id()]) == []
            assert await stores.users.list_by_id([]) == []

    async def test_a_taken_address_is_rejected_and_the_transaction_stays_usable(self, stores: Stores) -> None:
        first, second, other = new_user(), new_user(), new_user()
        second.email = first.email
        async with stores.transaction():
            await stores.users.add(first)
            with pytest.raises(EmailTaken):
                await stores.users.add(second)
            await stores.users.add(other)
        async with stores.transaction(read_only=True):
            assert await stores.users.get(second.id) is None
            assert await stores.users.get(other.id) == other

    async def test_saving_increments_the_version_and_rejects_a_stale_one(self, stores: Stores) -> None:
        user = await stored_user(stores)
        async with stores.transaction():
            stale = await stores.users.get(user.id)
            user.verify_email(HASH + "new", NOW + timedelta(minutes=1))
            await stores.users.save(user)
        assert stale is not None and user.version == 2
        async with stores.transaction(read_only=True):
            assert await stores.users.get(user.id) == user
        with pytest.raises(Transient):
            async with stores.transaction():
                await stores.users.save(stale)

    async def test_rehash_replaces_only_the_hash_it_was_derived_from(self, stores: Stores) -> None:
        user = await stored_user(stores)
        async with stores.transaction():
            await stores.users.rehash(user.id, HASH + "else", HASH + "new")
            unchanged = await stores.users.get(user.id)
            await stores.users.rehash(user.id, HASH, HASH + "new")
            replaced = await stores.users.get(user.id)
        assert unchanged is not None and replaced is not None
        assert (unchanged.password_hash, replaced.password_hash) == (HASH, HASH + "new")

    async def test_a_user_is_locked_as_it_was_read(self, stores: Stores) -> None:
        user, gone = await stored_user(stores), new_user()
        async with stores.transaction():
            stale = await stores.users.get(user.id)
            assert stale is not None
            user.suspend("why", NOW)
            await stores.users.save(user)
            await stores.users.lock_unchanged(user)
            for other in (stale, gone):
                with pytest.raises(Transient):
                    await stores.users.lock_unchanged(other)

    async def test_a_user_is_deleted_only_while_the_address_is_not_verified(self, stores: Stores) -> None:
        unverified, verified = await stored_user(stores), await stored_user(stores)
        verified.email_verified_at = NOW
        async with stores.transaction():
            await stores.users.save(verified)
            assert not await stores.users.delete_if_unverified(verified.id)
            assert await stores.users.delete_if_unverified(unverified.id)
            assert not await stores.users.delete_if_unverified(unverified.id)
            assert await stores.users.get(verified.id) is not None and await stores.users.get(unverified.id) is None

    async def test_unverified_users_are_deleted_by_age_with_all_that_is_theirs(self, stores: Stores) -> None:
        expired, verified, young = new_user(), new_user(), new_user()
        for user, age in ((expired, 9), (verified, 9), (young, 1)):
            user.registered_at = NOW - timedelta(days=age, weeks=100)
        async with stores.transaction():
            for user in (expired, verified, young):
                await stores.users.add(user)
            verified.verify_email(HASH, NOW)
            await stores.users.save(verified)
            await stores.verifications.add(VerificationToken.for_intent(new_id(), expired.id, OpaqueToken(f"cpv_{new_id()}"), NOW))
            deleted = await stores.users.delete_unverified(NOW - timedelta(days=7, weeks=100), 10)
            assert [user.id for user in deleted] == [expired.id]
            assert [await stores.users.get(each.id) is not None for each in (expired, verified, young)] == [False, True, True]


class TestSessions:
    async def test_a_session_is_found_by_its_token_with_the_generation(self, stores: Stores) -> None:
        session, token = await stored_session(stores)
        async with stores.transaction():
            assert await stores.sessions.lock_by_refresh_token(token) == (session, 1)
            assert await stores.sessions.lock(session.id) == session
            assert await stores.sessions.lock_by_refresh_token(OpaqueToken.for_refresh()) is None
            assert await stores.sessions.lock(new_id()) is None

    async def test_all_tokens_of_a_session_stay_known(self, stores: Stores) -> None:
        session, first = await stored_session(stores)
        second = OpaqueToken.for_refresh()
        assert session.refresh(1, Device("2001:db8::1", "firefox"), NOW + timedelta(minutes=1)) == ()
        async with stores.transaction():
            await stores.sessions.save(session, second)
        async with stores.transaction():
            assert await stores.sessions.lock_by_refresh_token(first) == (session, 1)
            assert await stores.sessions.lock_by_refresh_token(second) == (session, 2)

    async def test_the_end_of_a_session_is_stored(self, stores: Stores) -> None:
        session, token = await stored_session(stores)
        session.end(EndReason.LOGGED_OUT, NOW)
        async with stores.transaction():
            await stores.sessions.save(session)
        async with stores.transaction():
            assert await stores.sessions.lock_by_refresh_token(token) == (session, 1)

    async def test_an_ended_session_is_listed_as_revoked_with_its_end(self, stores: Stores) -> None:
        ended, running = [(await stored_session(stores))[0] for _ in range(3)], (await stored_session(stores))[0]
        async with stores.transaction():
            for session in ended:
                session.end(EndReason.LOGGED_OUT, NOW)
                await stores.sessions.save(session)
                await stores.sessions.save(session)
            await stores.sessions.save(running)
        async with stores.transaction(read_only=True):
            listed = await stores.revoked.list_page(after=None, limit=1_000)
            assert {each.id for each in ended} <= set(listed) and running.id not in listed
            assert list(listed) == sorted(listed)
            assert list(await stores.revoked.list_page(after=listed[-2], limit=5)) == [listed[-1]]

    async def test_all_sessions_of_a_user_end_except_one(self, stores: Stores) -> None:
        kept, _ = await stored_session(stores)
        other, _ = await stored_session(stores)
        second, third = (Session.start(kept.user_id, kept.device, NOW)[0] for _ in range(2))
        second.end(EndReason.LOGGED_OUT, NOW)
        async with stores.transaction():
            for session in (second, third):
                await stores.sessions.add(session, OpaqueToken.for_refresh())
            await stores.sessions.save(second)
            events = await stores.sessions.end_all(kept.user_id, EndReason.PASSWORD_CHANGED, NOW, kept=kept.id)
        third.end(EndReason.PASSWORD_CHANGED, NOW)
        assert [event.session_id for event in events if isinstance(event, SessionEnded)] == [third.id]
        async with stores.transaction():
            assert [await stores.sessions.lock(each.id) for each in (kept, other, second, third)] == [kept, other, second, third]
            assert {second.id, third.id} <= set(await stores.revoked.list_page(after=None, limit=1_000))

    async def test_active_sessions_are_listed_by_page_with_their_factors(self, stores: Stores) -> None:
        first, _ = await stored_session(stores)
        more = [Session.start(first.user_id, first.device, NOW, methods=WITH_CODE)[0] for _ in range(3)]
        more[1].end(EndReason.REVOKED, NOW)
        async with stores.transaction():
            for each in more:
                await stores.sessions.add(each, OpaqueToken.for_refresh())
            await stores.sessions.save(more[1])
            first.confirm_identity(WITH_CODE, NOW + timedelta(minutes=1))
            await stores.sessions.save(first)
        async with stores.transaction(read_only=True):
            page = await stores.sessions.list_active(first.user_id, NOW, before=None, limit=2)
            rest = await stores.sessions.list_active(first.user_id, NOW, before=page[-1].id, limit=2)
            assert [*page, *rest] == [more[2], more[0], first]
            assert await stores.sessions.list_active(first.user_id, first.expires_at, before=None, limit=2) == []
            assert await stores.sessions.list_active(new_id(), NOW, before=None, limit=2) == []

    async def test_old_sessions_are_pruned(self, stores: Stores) -> None:
        alive, alive_token = await stored_session(stores)
        ended, ended_token = await stored_session(stores)
        ended.end(EndReason.LOGGED_OUT, NOW)
        async with stores.transaction():
            await stores.sessions.save(ended)
            await stores.sessions.prune(NOW + RETENTION)
            assert await stores.sessions.lock_by_refresh_token(ended_token) is not None
            assert await stores.sessions.prune(NOW + RETENTION + timedelta(seconds=1)) >= 1
            assert await stores.sessions.lock_by_refresh_token(ended_token) is None
            assert await stores.sessions.lock_by_refresh_token(alive_token) is not None
            await stores.sessions.prune(alive.expires_at + RETENTION + timedelta(seconds=1))
            assert await stores.sessions.lock_by_refresh_token(alive_token) is None


class TestVerificationTokens:
    async def test_adding_a_token_is_idempotent_by_intent(self, stores: Stores) -> None:
        user, intent, token = await stored_user(stores), new_id(), OpaqueToken(f"cpv_{new_id()}")
        async with stores.transaction():
            await stores.verifications.add(VerificationToken.for_intent(intent, user.id, token, NOW))
            await stores.verifications.add(VerificationToken.for_intent(intent, user.id, token, NOW + timedelta(hours=1)))
            stored = await stores.verifications.lock(token, TokenPurpose.VERIFICATION)
        assert stored == VerificationToken.for_intent(intent, user.id, token, NOW)

    async def test_use_is_stored_and_old_tokens_are_pruned(self, stores: Stores) -> None:
        user, token = await stored_user(stores), OpaqueToken(f"cpv_{new_id()}")
        verification = VerificationToken.for_intent(new_id(), user.id, token, NOW)
        async with stores.transaction():
            await stores.verifications.add(verification)
            await stores.verifications.use_all(user.id, NOW)
            await stores.verifications.use_all(user.id, NOW + timedelta(minutes=1))
            verification = replace(verification, used_at=NOW)
            assert await stores.verifications.lock(token, TokenPurpose.VERIFICATION) == verification
            await stores.verifications.prune(verification.expires_at + RETENTION)
            assert await stores.verifications.lock(token, TokenPurpose.VERIFICATION) == verification
            await stores.verifications.prune(verification.expires_at + RETENTION + timedelta(seconds=1))
            assert await stores.verifications.lock(token, TokenPurpose.VERIFICATION) is None

    async def test_tokens_have_a_purpose_and_a_newer_one_replaces_older_ones(self, stores: Stores) -> None:
        user = await stored_user(stores)
        verification, first, second = (OpaqueToken(f"cpv_{new_id()}") for _ in range(3))
        async with stores.transaction():
            await stores.verifications.add(VerificationToken.for_intent(new_id(), user.id, verification, NOW))
            for token, at in ((second, NOW + timedelta(minutes=1)), (first, NOW)):  # the older e-mail is sent later
                await stores.verifications.add(VerificationToken.for_intent(new_id(), user.id, token, at, TokenPurpose.PASSWORD_RESET))
                await stores.verifications.use_older(user.id, TokenPurpose.PASSWORD_RESET, NOW)
            rows = [await stores.verifications.lock(token, TokenPurpose.PASSWORD_RESET) for token in (first, second, verification)]
            kept = await stores.verifications.lock(verification, TokenPurpose.VERIFICATION)
        assert [row and row.used_at for row in rows] == [NOW, None, None]
        assert rows[2] is None and kept is not None and kept.used_at is None


class TestSentEmails:
    async def test_emails_are_counted_by_user_kind_and_time(self, stores: Stores) -> None:
        user, other = await stored_user(stores), await stored_user(stores)
        emails = [
            SentEmail(new_id(), user.id, EmailKind.VERIFICATION, NOW),
            SentEmail(new_id(), user.id, EmailKind.VERIFICATION, NOW + timedelta(minutes=1)),
            SentEmail(new_id(), user.id, EmailKind.REGISTRATION_REPEATED, NOW + timedelta(minutes=1)),
            SentEmail(new_id(), other.id, EmailKind.VERIFICATION, NOW + timedelta(minutes=1)),
        ]
        async with stores.transaction():
            for email in [*emails, emails[1]]:
                await stores.sent_emails.add(email)
            assert await stores.sent_emails.count(user.id, EmailKind.VERIFICATION, NOW - timedelta(seconds=1)) == 2
            assert await stores.sent_emails.count(user.id, EmailKind.VERIFICATION, NOW) == 1
            await stores.sent_emails.prune(NOW + RETENTION + timedelta(seconds=1))
            assert await stores.sent_emails.count(user.id, EmailKind.VERIFICATION, NOW - timedelta(seconds=1)) == 1


class TestLoginFailures:
    async def test_failures_are_stored_and_cleared(self, stores: Stores) -> None:
        email = Email(f"{new_id().hex}@example.org")
        async with stores.transaction():
            failed = await stores.failures.lock(email)
            assert failed == FailedLogins(FailedLogins.hash_address(email))
            for _ in range(6):
                failed.add(NOW)
            await stores.failures.save(failed)
        async with stores.transaction():
            stored = await stores.failures.lock(email)
            assert stored == failed
            stored.clear()
            await stores.failures.save(stored)
        async with stores.transaction():
            assert await stores.failures.lock(email) == FailedLogins(FailedLogins.hash_address(email))

    async def test_old_failures_are_pruned(self, stores: Stores) -> None:
        email = Email(f"{new_id().hex}@example.org")
        async with stores.transaction():
            failed = await stores.failures.lock(email)
            failed.add(NOW)
            await stores.failures.save(failed)
            await stores.failures.prune(NOW + timedelta(hours=24))
            assert (await stores.failures.lock(email)).count == 1
            await stores.failures.prune(NOW + timedelta(hours=24, seconds=1))
            assert (await stores.failures.lock(email)).count == 0
