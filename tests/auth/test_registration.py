"""Registering, verification e-mails, and verifying an address."""

import pytest

from events.auth import EmailVerified, RegistrationRepeated, UserCreated
from functions.auth.commands.register import Register, RegistrationAccepted
from functions.auth.domain.email_limits import MAX_PER_WINDOW
from functions.auth.domain.rejections import (
    ExpiredVerificationToken,
    InvalidEmail,
    UnknownVerificationToken,
    UsedVerificationToken,
    WeakPassword,
)
from functions.auth.domain.tokens import VERIFICATION_LIFETIME, OpaqueToken
from functions.auth.domain.user import Role
from functions.kernel import Transient
from tests.auth.world import ADDRESS, PASSWORD, World


async def test_registering_creates_an_unverified_user(world: World) -> None:
    created = await world.register("Ada@Example.org")
    assert isinstance(created, UserCreated)
    user = await world.users.get(created.user_id)
    assert user is not None
    assert (user.email, user.is_verified, user.roles) == (ADDRESS, False, frozenset({Role.USER}))
    assert user.registered_at == created.at == world.clock.now()
    assert PASSWORD not in repr(user) and PASSWORD not in created.model_dump_json()


async def test_the_answer_is_the_same_with_and_without_an_account(world: World) -> None:
    request = Register.model_validate({"email": ADDRESS, "password": PASSWORD})
    first, second = await world.call(request), await world.call(request)
    assert first == second == RegistrationAccepted()
    assert world.event_types == [UserCreated.type, RegistrationRepeated.type]
    assert len(world.reminders()) == 1


async def test_a_second_registration_changes_nothing(world: World) -> None:
    created = await world.register()
    repeated = await world.register(password="another good password 77")
    assert isinstance(created, UserCreated) and isinstance(repeated, RegistrationRepeated)
    user = await world.users.get(created.user_id)
    assert user is not None and await world.hasher.matches(user.password_hash, PASSWORD)


@pytest.mark.parametrize(("email", "password", "rejection"), [("ada", PASSWORD, InvalidEmail), (ADDRESS, "password", WeakPassword)])
async def test_an_invalid_registration_is_rejected(world: World, email: str, password: str, rejection: type[Exception]) -> None:
    with pytest.raises(rejection):
        await world.register(email, password)
    assert not world.users.rows


async def test_a_new_user_is_sent_a_token_of_which_only_the_hash_is_stored(world: World) -> None:
    created, token = await world.registered()
    ((_, to, _),) = world.mailer.verifications
    assert to == ADDRESS
    assert token not in repr(world.verifications.rows) and token not in created.model_dump_json()


async def test_the_hash_is_stored_before_the_email_is_sent_and_no_transaction_is_open(world: World) -> None:
    send, stored = world.mailer.send_verification, []

    async def send_and_look(intent, to, token: OpaqueToken) -> None:  # type: ignore[no-untyped-def]
        stored.append(([row.token_hash for row in world.verifications.rows.values()], len(world.sent_emails.rows)))
        await send(intent, to, token)

    world.mailer.send_verification = send_and_look  # type: ignore[method-assign]
    _, token = await world.registered()  # the in-memory mailer raises if a transaction is open
    assert stored == [([OpaqueToken(token).hash], 0)]
    assert len(world.sent_emails.rows) == 1 and not world.dead_letters


async def test_a_failed_email_is_retried_as_the_same_email(world: World) -> None:
    created = await world.register()
    world.mailer.failure = Transient("no mail server")
    await world.settle()
    assert not world.sent_emails.rows and not world.mailer.verifications

    world.mailer.failure = None
    await world.advance(minutes=1)
    await world.publish(created)  # delivered again
    first, second = world.mailer.verifications
    assert first == second
    assert len(world.verifications.rows) == len(world.sent_emails.rows) == 1


async def test_a_verified_user_gets_no_verification_email_when_user_created_is_delivered_again(world: World) -> None:
    created = await world.verified_user()
    assert len(world.mailer.verifications) == 1
    await world.publish(created)
    assert len(world.mailer.verifications) == len(world.verifications.rows) == len(world.sent_emails.rows) == 1


async def test_a_token_verifies_once(world: World) -> None:
    created, token = await world.registered()
    world.clock.advance(minutes=5)

    view = await world.verify(f" {token}\n")
    assert view.email == ADDRESS
    assert world.events(EmailVerified) == [EmailVerified(user_id=created.user_id, email=ADDRESS, at=world.clock.now())]
    user = await world.users.get(created.user_id)
    assert user is not None and user.email_verified_at == world.clock.now()
    with pytest.raises(UsedVerificationToken):
        await world.verify(token)


async def test_an_expired_token_is_rejected(world: World) -> None:
    _, token = await world.registered()
    world.clock.at += VERIFICATION_LIFETIME
    with pytest.raises(ExpiredVerificationToken):
        await world.verify(token)


async def test_an_unknown_token_is_rejected(world: World) -> None:
    await world.verified_user()
    with pytest.raises(UnknownVerificationToken):
        await world.verify("cpv_guessed")


async def test_a_second_token_of_a_verified_user_changes_nothing(world: World) -> None:
    _, first = await world.registered()
    world.clock.advance(minutes=1)
    await world.resend()
    second = world.mailer.verifications[-1][2]
    assert first != second

    await world.verify(first)
    assert len(world.events(EmailVerified)) == 1
    with pytest.raises(UsedVerificationToken):
        await world.verify(second, "the password of somebody else 7")
    assert len(world.events(EmailVerified)) == 1
    await world.login()


async def test_the_verification_email_is_resent_to_unverified_accounts_only(world: World) -> None:
    await world.resend("nobody@example.org")
    assert not world.mailer.verifications
    await world.verified_user()
    before = len(world.mailer.verifications)
    await world.resend()
    assert len(world.mailer.verifications) == before


async def test_emails_to_one_user_are_limited_per_hour(world: World) -> None:
    await world.register()
    world.forget_due()  # without the first verification e-mail
    for _ in range(MAX_PER_WINDOW + 3):
        world.clock.advance(seconds=1)
        await world.resend()
    assert len(world.mailer.verifications) == MAX_PER_WINDOW
    await world.publish(RegistrationRepeated(email=ADDRESS, at=world.clock.now()))
    assert len(world.mailer.verifications) == MAX_PER_WINDOW

    await world.verify(world.mailer.verifications[0][2])
    for _ in range(MAX_PER_WINDOW + 3):
        world.clock.advance(seconds=1)
        await world.publish(RegistrationRepeated(email=ADDRESS, at=world.clock.now()))
    assert len(world.mailer.repeated) == MAX_PER_WINDOW

    world.clock.advance(hours=1)
    await world.publish(RegistrationRepeated(email=ADDRESS, at=world.clock.now()))
    assert len(world.mailer.repeated) == MAX_PER_WINDOW + 1


async def test_the_owner_of_a_verified_account_is_told_about_a_second_registration_without_a_link(world: World) -> None:
    await world.verified_user()
    before = len(world.mailer.verifications)
    assert isinstance(await world.register(), RegistrationRepeated)
    await world.settle()
    ((_, to),) = world.mailer.repeated
    assert to == ADDRESS and len(world.mailer.verifications) == before
