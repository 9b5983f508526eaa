"""Passkeys with an authenticator in software: registration, sign-in alone and after the password."""

import pytest
from pydantic import SecretStr

from events.sign_in import PasskeyDeleted, PasskeyRegistered, PasskeyRenamed
from functions.auth.commands.begin_passkey_login import BeginPasskeyLogin
from functions.auth.commands.begin_passkey_registration import BeginPasskeyRegistration
from functions.auth.commands.delete_passkey import DeletePasskey
from functions.auth.commands.rename_passkey import RenamePasskey
from functions.auth.domain.passkey import CHALLENGE_LIFETIME, MAX_PASSKEYS
from functions.auth.domain.rejections import (
    InvalidChallenge,
)
from functions.auth.domain.session import FirstStep, Method
from functions.auth.domain.sign_in_rejections import (
    InvalidPasskey,
    LastSignInMethod,
    PasskeyNotFound,
    PasskeyRefused,
    TooManyPasskeys,
    UnknownPasskeyChallenge,
)
from functions.auth.ports import LoginChallenges
from functions.auth.queries.passkeys import ListPasskeys
from tests.auth.authenticator import Authenticator
from tests.auth.passkey_account import ORIGIN, Account
from tests.auth.world import World


@pytest.fixture
async def ada() -> Account:
    return await Account(World({"CAPSULE_DASHBOARD_URL": ORIGIN})).prepare()


async def test_a_passkey_is_registered_and_is_the_only_factor(ada: Account) -> None:
    device = Authenticator(ORIGIN)
    registered = await ada.register(device)
    assert registered.name == "Laptop" and not registered.is_synced
    session = await ada.sign_in(device)
    assert ada.methods(session) == {Method.HARDWARE_KEY, Method.USER_VERIFIED}
    [listed] = (await ada.world.call(ListPasskeys(), caller=ada.caller)).items
    assert listed.id == registered.id and listed.last_used_at == ada.world.clock.now()
    assert len(ada.world.events(PasskeyRegistered)) == 1


async def test_a_passkey_of_a_password_manager_counts_nothing_and_is_one_in_software(ada: Account) -> None:
    device = Authenticator(ORIGIN, counter=None, is_synced=True)
    assert (await ada.register(device)).is_synced
    for _ in range(2):
        assert Method.SOFTWARE_KEY in ada.methods(await ada.sign_in(device))


async def test_options_name_the_rp_and_require_what_a_single_factor_needs(ada: Account) -> None:
    await ada.register(device := Authenticator(ORIGIN))
    begun = await ada.world.call(BeginPasskeyRegistration(), caller=ada.caller)
    assert begun.options["rp"]["id"] == "dashboard.example.org" and begun.options["timeout"] == CHALLENGE_LIFETIME.total_seconds() * 1000
    assert begun.options["authenticatorSelection"]["userVerification"] == begun.options["authenticatorSelection"]["residentKey"] == "required"
    assert len(begun.options["excludeCredentials"]) == 1
    login = await ada.world.call(BeginPasskeyLogin())
    assert login.options["userVerification"] == "required" and not login.options.get("allowCredentials")
    assert device.user_handle


async def test_the_rp_and_the_origins_are_settings() -> None:
    settings = {"CAPSULE_DASHBOARD_URL": ORIGIN, "CAPSULE_PASSKEY_RP_ID": "example.org", "CAPSULE_PASSKEY_ORIGINS": "https://other.example.org"}
    ada = await Account(World(settings)).prepare()
    device = Authenticator("https://other.example.org")
    await ada.register(device)
    assert await ada.sign_in(device)
    device.origin = ORIGIN
    with pytest.raises(PasskeyRefused):
        await ada.sign_in(device)


async def test_a_passkey_takes_the_place_of_a_code_after_the_password(ada: Account) -> None:
    device = Authenticator(ORIGIN)
    await ada.register(device)
    device.verifies_user = False
    challenge = await ada.password_challenge()
    begun = await ada.world.call(BeginPasskeyLogin(challenge=SecretStr(challenge)))
    assert len(begun.options["allowCredentials"]) == 1 and begun.options["userVerification"] == "preferred"
    session = await ada.finish(begun.challenge_id, device.get(begun.options), challenge)
    assert ada.methods(session) == {Method.PASSWORD, Method.HARDWARE_KEY}


async def test_a_passkey_after_a_provider_does_not_say_that_a_password_was_entered(ada: Account) -> None:
    device = Authenticator(ORIGIN)
    await ada.register(device)
    challenge = ada.world.port(LoginChallenges).issue(FirstStep(ada.caller.user_id, Method.PROVIDER), ada.world.clock.now()).text
    begun = await ada.world.call(BeginPasskeyLogin(challenge=SecretStr(challenge)))
    session = await ada.finish(begun.challenge_id, device.get(begun.options), challenge)
    assert ada.methods(session) == {Method.PROVIDER, Method.HARDWARE_KEY}


async def test_without_user_verification_a_passkey_is_not_the_only_factor(ada: Account) -> None:
    device = Authenticator(ORIGIN, verifies_user=False)
    with pytest.raises(InvalidPasskey):
        await ada.register(device)
    device.verifies_user = True
    await ada.register(device)
    device.verifies_user = False
    with pytest.raises(PasskeyRefused):
        await ada.sign_in(device)
    challenge = await ada.password_challenge()
    begun = await ada.world.call(BeginPasskeyLogin(challenge=SecretStr(challenge)))
    with pytest.raises(UnknownPasskeyChallenge):  # a challenge of the second step is none of the first
        await ada.finish(begun.challenge_id, device.get(begun.options))


async def test_the_second_step_needs_the_password_of_the_same_user(ada: Account) -> None:
    device = Authenticator(ORIGIN)
    await ada.register(device)
    challenge = await ada.password_challenge()
    begun = await ada.world.call(BeginPasskeyLogin(challenge=SecretStr(challenge)))
    with pytest.raises(InvalidChallenge):
        await ada.finish(begun.challenge_id, device.get(begun.options), "cpc_forged")
    with pytest.raises(InvalidChallenge):
        await ada.world.call(BeginPasskeyLogin(challenge=SecretStr("cpc_forged")))
    alone = await ada.world.call(BeginPasskeyLogin())
    with pytest.raises(UnknownPasskeyChallenge):
        await ada.finish(alone.challenge_id, device.get(alone.options), challenge)


async def test_passkeys_are_renamed_deleted_and_limited(ada: Account) -> None:
    passkey = await ada.register(Authenticator(ORIGIN))
    renamed = await ada.world.call(RenamePasskey(passkey_id=passkey.id, name=" Key ring "), caller=ada.caller)
    assert renamed.name == "Key ring" and len(ada.world.events(PasskeyRenamed)) == 1
    await ada.world.call(DeletePasskey(passkey_id=passkey.id), caller=ada.caller)
    assert len(ada.world.events(PasskeyDeleted)) == 1
    with pytest.raises(PasskeyNotFound):
        await ada.world.call(DeletePasskey(passkey_id=passkey.id), caller=ada.caller)
    for _ in range(MAX_PASSKEYS):
        await ada.register(Authenticator(ORIGIN))
    with pytest.raises(TooManyPasskeys):
        await ada.register(Authenticator(ORIGIN))


async def test_the_last_way_to_sign_in_stays(ada: Account) -> None:
    passkey = await ada.register(Authenticator(ORIGIN))
    user = await ada.world.users.get(ada.caller.user_id)
    assert user is not None
    user.has_password = False
    await ada.world.users.save(user)
    with pytest.raises(LastSignInMethod):
        await ada.world.call(DeletePasskey(passkey_id=passkey.id), caller=ada.caller)
