"""Registering, being mailed, verifying."""

from uuid import UUID

import pytest

from events.auth import EmailVerificationRequested, EmailVerified, RegistrationRepeated, UserCreated
from functions.auth.commands.register import Register, RegistrationAccepted, register
from functions.auth.commands.resend_verification import ResendVerification, resend_verification
from functions.auth.domain.email_limits import MAX_PER_WINDOW
from functions.auth.domain.rejections import (
    ExpiredVerificationToken,
    InvalidEmail,
    UnknownVerificationToken,
    UsedVerificationToken,
    WeakPassword,
)
from functions.auth.domain.tokens import VERIFICATION_LIFETIME
from functions.auth.domain.user import Role
from functions.auth.handlers.on_email_verification_requested import on_email_verification_requested
from functions.auth.handlers.on_registration_repeated import on_registration_repeated
from functions.auth.handlers.on_user_created import on_user_created
from functions.kernel import Delayed, Origin, Transient
from tests.auth.world import ADDRESS, PASSWORD, PlainWork, World

ORIGIN = Origin("correlation-1")


async def ask_again(world: World, email: str = ADDRESS) -> None:
    done = await resend_verification(ResendVerification(email=email), world.clock)
    (event,) = done.events
    assert isinstance(event, EmailVerificationRequested)
    await on_email_verification_requested(
        event, world.users, world.verifications, world.sent_emails, world.email_tokens, world.mailer, world.clock, PlainWork()
    )


async def tell_owner(world: World, event: RegistrationRepeated) -> None:
    await on_registration_repeated(event, world.users, world.sent_emails, world.mailer, world.clock, PlainWork())


async def test_a_visitor_becomes_a_user(world: World) -> None:
    created = await world.register("Ada@Example.org")
    assert isinstance(created, UserCreated)
    user = await world.users.get(created.user_id)
    assert user is not None
    assert (user.email, user.is_verified, user.roles) == (ADDRESS, False, frozenset({Role.USER}))
    assert user.registered_at == created.at == world.clock.now()
    assert PASSWORD not in repr(user) and PASSWORD not in created.model_dump_json()


async def test_the_answer_is_the_same_whether_the_account_exists_or_not(world: World) -> None:
    asked = Register.model_validate({"email": ADDRESS, "password": PASSWORD})
    first = await register(asked, world.users, world.registrations, world.hasher, ORIGIN, world.clock)
    second = await register(asked, world.users, world.registrations, world.hasher, ORIGIN, world.clock)
    assert first.output == second.output == RegistrationAccepted()
    assert [type(event) for event in (*first.events, *second.events)] == [UserCreated, Delayed, RegistrationRepeated]


async def test_registering_again_changes_nothing(world: World) -> None:
    created = await world.register()
    repeated = await world.register(password="another good password 77")
    assert isinstance(created, UserCreated) and isinstance(repeated, RegistrationRepeated)
    user = await world.users.get(created.user_id)
    assert user is not None and await world.hasher.matches(user.password_hash, PASSWORD)


@pytest.mark.parametrize(("email", "password", "reason"), [("ada", PASSWORD, InvalidEmail), (ADDRESS, "password", WeakPassword)])
async def test_a_bad_registration_is_refused(world: World, email: str, password: str, reason: type[Exception]) -> None:
    with pytest.raises(reason):
        await world.register(email, password)
    assert not world.users.rows


async def test_a_new_user_is_mailed_a_token_of_which_only_the_hash_is_kept(world: World) -> None:
    created = await world.register()
    assert isinstance(created, UserCreated)
    token = await world.mail_verification(created)
    ((_, to, _),) = world.mailer.verifications
    assert to == ADDRESS
    assert token not in repr(world.verifications.rows) and token not in created.model_dump_json()


async def test_the_hash_is_kept_before_the_mail_goes_and_the_mail_goes_in_no_transaction(world: World) -> None:
    created = await world.register()
    assert isinstance(created, UserCreated)
    work, seen = PlainWork(), []

    class Watching:
        async def send_verification(self, intent: UUID, to: str, token: object) -> None:
            seen.append((list(work.steps), work.open, len(world.verifications.rows)))

        async def send_registration_repeated(self, intent: UUID, to: str, verified: bool) -> None:
            raise AssertionError

    await on_user_created(created, world.users, world.verifications, world.sent_emails, world.email_tokens, Watching(), world.clock, work)
    assert seen == [(["reading", "preparing"], False, 1)]
    assert work.steps[-1] == "recording"


async def test_a_mail_that_failed_is_made_again_as_the_same_mail(world: World) -> None:
    created = await world.register()
    assert isinstance(created, UserCreated)
    world.mailer.failure = Transient("no mail server")
    with pytest.raises(Transient):
        await world.mail_verification(created)
    assert not world.sent_emails.rows

    world.mailer.failure = None
    await world.mail_verification(created)
    await world.mail_verification(created)
    first, second = world.mailer.verifications
    assert first == second
    assert len(world.verifications.rows) == len(world.sent_emails.rows) == 1


async def test_the_token_verifies_once(world: World) -> None:
    created = await world.register()
    assert isinstance(created, UserCreated)
    token = await world.mail_verification(created)
    world.clock.forward(minutes=5)

    done = await world.verify(f" {token}\n")
    assert done.output.email == ADDRESS
    assert done.events == (EmailVerified(user_id=created.user_id, email=ADDRESS, at=world.clock.now()),)
    user = await world.users.get(created.user_id)
    assert user is not None and user.email_verified_at == world.clock.now()
    with pytest.raises(UsedVerificationToken):
        await world.verify(token)


async def test_a_token_expires(world: World) -> None:
    created = await world.register()
    assert isinstance(created, UserCreated)
    token = await world.mail_verification(created)
    world.clock.at += VERIFICATION_LIFETIME
    with pytest.raises(ExpiredVerificationToken):
        await world.verify(token)


async def test_an_unknown_token_is_refused(world: World) -> None:
    await world.verified_user()
    with pytest.raises(UnknownVerificationToken):
        await world.verify("cpv_guessed")


async def test_a_second_token_of_a_verified_user_changes_nothing(world: World) -> None:
    created = await world.register()
    assert isinstance(created, UserCreated)
    first = await world.mail_verification(created)
    world.clock.forward(minutes=1)
    await ask_again(world)
    second = world.mailer.verifications[-1][2]
    assert first != second

    verified = await world.verify(first)
    again = await world.verify(second)
    assert (len(verified.events), len(again.events)) == (1, 0)


async def test_another_mail_is_sent_only_to_who_waits_for_it(world: World) -> None:
    await ask_again(world, "nobody@example.org")
    assert not world.mailer.verifications
    await world.verified_user()
    before = len(world.mailer.verifications)
    await ask_again(world)
    assert len(world.mailer.verifications) == before


async def test_nobody_is_flooded_with_mails(world: World) -> None:
    await world.register()
    for _ in range(MAX_PER_WINDOW + 3):
        world.clock.forward(seconds=1)
        await ask_again(world)
    assert len(world.mailer.verifications) == MAX_PER_WINDOW
    for _ in range(MAX_PER_WINDOW + 3):
        world.clock.forward(seconds=1)
        await tell_owner(world, RegistrationRepeated(email=ADDRESS, at=world.clock.now()))
    assert len(world.mailer.repeated) == MAX_PER_WINDOW

    world.clock.forward(hours=1)
    await ask_again(world)
    assert len(world.mailer.verifications) == MAX_PER_WINDOW + 1


async def test_the_owner_hears_of_a_repeated_registration_and_gets_no_link(world: World) -> None:
    await world.register()
    repeated = await world.register()
    assert isinstance(repeated, RegistrationRepeated)
    await tell_owner(world, repeated)
    ((_, to, verified),) = world.mailer.repeated
    assert (to, verified) == (ADDRESS, False)
    assert not world.mailer.verifications and not world.verifications.rows
