"""Notices by e-mail of changes that concern the security of an account."""

from datetime import timedelta
from uuid import uuid4

import pytest

from events.auth import ApiTokenCreated, PasswordChanged, RecoveryCodesReplaced, RecoveryCodeUsed, SecondFactorDisabled, SecondFactorEnabled
from events.sign_in import IdentityLinked, IdentityUnlinked, PasskeyDeleted, PasskeyRegistered
from functions.auth.adapters.emails import EmailMailer
from functions.auth.adapters.notice_texts import NOTICES
from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.identity import Identity, ProviderClaims
from functions.auth.domain.passkey import Passkey, RegisteredKey
from functions.auth.ports import Identities, Passkeys
from functions.kernel import Client, Event
from functions.runtime.config.settings import Settings
from functions.runtime.email.message import OutgoingEmail
from tests.auth.world import ADDRESS, World

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"


def kinds(world: World) -> list[EmailKind]:
    return [kind for kind, _, _ in world.mailer.notices]


async def test_each_change_is_told_once_a_minute() -> None:
    world = World()
    user_id = (await world.verified_user()).user_id
    world.mailer.notices.clear()

    def changes() -> list[Event]:
        now = world.clock.now()
        return [
            SecondFactorEnabled(user_id=user_id, at=now),
            SecondFactorDisabled(user_id=user_id, at=now),
            RecoveryCodesReplaced(user_id=user_id, at=now),
            RecoveryCodeUsed(user_id=user_id, left=1, at=now),
            ApiTokenCreated(token_id=uuid4(), user_id=user_id, name="ci", scopes=("deploy", "read"), expires_at=now + timedelta(days=90), at=now),
            PasskeyRegistered(passkey_id=uuid4(), user_id=user_id, name="Laptop", at=now),
            PasskeyDeleted(passkey_id=uuid4(), user_id=user_id, name="Laptop", at=now),
            IdentityLinked(identity_id=uuid4(), user_id=user_id, provider="corp", at=now),
            IdentityUnlinked(identity_id=uuid4(), user_id=user_id, provider="corp", at=now),
        ]

    for seconds in (0, 30, 31):  # the second one comes within a minute
        await world.advance(seconds=seconds)
        for change in changes():
            await world.publish(change)
    expected = [
        EmailKind.SECOND_FACTOR_ENABLED,
        EmailKind.SECOND_FACTOR_DISABLED,
        EmailKind.RECOVERY_CODES_REPLACED,
        EmailKind.RECOVERY_CODE_USED,
        EmailKind.API_TOKEN_CREATED,
        EmailKind.PASSKEY_REGISTERED,
        EmailKind.PASSKEY_DELETED,
        EmailKind.IDENTITY_LINKED,
        EmailKind.IDENTITY_UNLINKED,
    ]
    assert kinds(world) == expected * 2
    assert {to for _, to, _ in world.mailer.notices} == {ADDRESS}
    assert "One recovery code is left." in world.mailer.notices[3] and "may: deploy, read" in world.mailer.notices[4][2]
    assert '"Laptop"' in world.mailer.notices[5][2] and '"corp"' in world.mailer.notices[7][2]


async def test_the_notice_of_a_new_password_counts_what_still_signs_in() -> None:
    world = World()
    user_id = (await world.verified_user()).user_id
    now = world.clock.now()
    for subject in ("1", "2"):
        claims = ProviderClaims(issuer="https://sso.example.com", subject=subject)
        await world.port(Identities).add(Identity.link(user_id, "corp", claims, now)[0])
    await world.port(Passkeys).add(Passkey.register(user_id, RegisteredKey(b"id", b"key", 0, True), "Laptop", now)[0])
    await world.publish(PasswordChanged(user_id=user_id, email=ADDRESS, at=now))
    assert (EmailKind.PASSWORD_CHANGED, ADDRESS, "1 passkeys, 2 identities") in world.mailer.notices


async def test_a_sign_in_from_a_new_device_is_told_but_not_the_first_one() -> None:
    world = World()
    await world.verified_user()

    async def login(user_agent: str) -> list[EmailKind]:
        await world.advance(minutes=2)
        world.mailer.notices.clear()
        world.client = Client("203.0.113.9", user_agent)
        await world.login()
        await world.settle()
        return kinds(world)

    assert await login("curl/8.1") == []
    assert await login(FIREFOX) == [EmailKind.NEW_DEVICE]
    assert world.mailer.notices[0][2] == "It was Firefox 127 on Linux, from the address 203.0.113.9."
    assert await login(FIREFOX) == [] and await login("curl/8.1") == []
    assert await login("") == [EmailKind.NEW_DEVICE]


async def test_nothing_is_sent_to_a_user_without_an_account() -> None:
    world = World()
    await world.publish(SecondFactorEnabled(user_id=uuid4(), at=world.clock.now()))
    assert world.mailer.notices == [] and world.dead_letters == []


@pytest.mark.parametrize("kind", NOTICES)
async def test_each_notice_says_what_to_do(kind: EmailKind) -> None:
    sent: list[OutgoingEmail] = []

    class Transport:
        async def send(self, email: OutgoingEmail) -> None:
            sent.append(email)

    mailer = EmailMailer(Transport(), Settings({"CAPSULE_PUBLIC_URL": "https://capsule.example.org"}))
    await mailer.send_notice(uuid4(), ADDRESS, kind, World().clock.now(), "A detail.")
    [email] = sent
    assert ADDRESS in email.text and "A detail." in email.text and "{" not in email.text
    for advice in ("If it was not you", "https://capsule.example.org/reset-password", "capsule audit list", "capsule sessions list"):
        assert advice in email.text
