"""Passkeys with an authenticator in software: registration, sign-in alone and after the password, counters, challenges, attacks."""

import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from uuid import UUID, uuid4

import cbor2
import pytest
from pydantic import SecretStr

from events.sign_in import PasskeyDeleted, PasskeyRegistered, PasskeyRenamed
from functions.auth.commands.begin_passkey_login import BeginPasskeyLogin
from functions.auth.commands.begin_passkey_registration import BeginPasskeyRegistration
from functions.auth.commands.delete_passkey import DeletePasskey
from functions.auth.commands.login_with_passkey import LoginWithPasskey
from functions.auth.commands.register_passkey import RegisterPasskey
from functions.auth.commands.rename_passkey import RenamePasskey
from functions.auth.domain.passkey import CHALLENGE_LIFETIME, MAX_PASSKEYS
from functions.auth.domain.rejections import (
    AccountSuspended,
    InvalidChallenge,
    SecondFactorRequired,
)
from functions.auth.domain.second_factor import SecondFactor
from functions.auth.domain.session import FirstStep, Method
from functions.auth.domain.sign_in_rejections import (
    InvalidPasskey,
    LastSignInMethod,
    PasskeyNotFound,
    PasskeyRefused,
    PasskeyTaken,
    TooManyPasskeys,
    UnknownPasskeyChallenge,
)
from functions.auth.domain.views import PasskeyView, SessionView
from functions.auth.ports import LoginChallenges, PasskeyChallenges, SecondFactors, Vault
from functions.auth.queries.passkeys import ListPasskeys
from functions.kernel import Caller, RecentLoginRequired
from tests.auth.authenticator import Authenticator, encode
from tests.auth.world import World

ORIGIN = "https://dashboard.example.org"


class Account:
    """A user who signs in with passkeys."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def prepare(self) -> "Account":
        caller, _ = await self.world.signed_in_user()
        self.session = caller
        return self

    @property
    def caller(self) -> Caller:
        return replace(self.session, authenticated_at=self.world.clock.now())

    async def register(self, device: Authenticator, name: str = "Laptop", **changes: str) -> PasskeyView:
        begun = await self.world.call(BeginPasskeyRegistration(), caller=self.caller)
        request = RegisterPasskey(challenge_id=begun.challenge_id, name=name, credential=device.create(begun.options, **changes))
        view = await self.world.call(request, caller=self.caller)
        assert isinstance(view, PasskeyView)
        return view

    async def sign_in(self, device: Authenticator, **changes: str) -> SessionView:
        begun = await self.world.call(BeginPasskeyLogin())
        return await self.finish(begun.challenge_id, device.get(begun.options, **changes))

    async def finish(self, challenge_id: UUID, credential: str, challenge: str | None = None) -> SessionView:
        secret = SecretStr(challenge) if challenge else None
        request = LoginWithPasskey(challenge_id=challenge_id, credential=credential, challenge=secret)
        view = await self.world.call(request, client=self.world.client)
        assert isinstance(view, SessionView)
        return view

    def methods(self, view: SessionView) -> set[Method]:
        return set(self.world.sessions.rows[UUID(view.session_id)].methods)

    async def password_challenge(self) -> str:
        """Turn the second factor on, enter the password, and return the challenge of the second step."""
        now = self.world.clock.now()
        await self.world.port(SecondFactors).save(SecondFactor(self.caller.user_id, self.world.port(Vault).seal("A" * 32), now, enabled_at=now))
        with pytest.raises(SecondFactorRequired) as raised:
            await self.world.login()
        return raised.value.secret_members["challenge"]


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


async def test_a_challenge_is_used_once_also_by_a_wrong_response_and_expires(ada: Account) -> None:
    device = Authenticator(ORIGIN)
    await ada.register(device)
    begun = await ada.world.call(BeginPasskeyLogin())
    response = device.get(begun.options)
    await ada.finish(begun.challenge_id, response)
    with pytest.raises(UnknownPasskeyChallenge):
        await ada.finish(begun.challenge_id, response)
    begun = await ada.world.call(BeginPasskeyLogin())
    with pytest.raises(PasskeyRefused):
        await ada.finish(begun.challenge_id, "{}")
    with pytest.raises(UnknownPasskeyChallenge):
        await ada.finish(begun.challenge_id, device.get(begun.options))
    begun = await ada.world.call(BeginPasskeyLogin())
    ada.world.clock.advance(seconds=CHALLENGE_LIFETIME.total_seconds())
    with pytest.raises(UnknownPasskeyChallenge):
        await ada.finish(begun.challenge_id, device.get(begun.options))
    await ada.world.call(BeginPasskeyLogin())
    ada.world.clock.advance(seconds=CHALLENGE_LIFETIME.total_seconds() + 1)
    await ada.world.run("auth.housekeeping")
    assert not ada.world.port(PasskeyChallenges).rows


async def test_a_suspended_account_uses_up_the_challenge_and_leaves_an_entry(ada: Account) -> None:
    device = Authenticator(ORIGIN)
    await ada.register(device)
    ada.world.suspend(ada.caller.user_id)
    begun = await ada.world.call(BeginPasskeyLogin())
    response = device.get(begun.options)
    with pytest.raises(AccountSuspended):
        await ada.finish(begun.challenge_id, response)
    with pytest.raises(UnknownPasskeyChallenge):  # the assertion cannot be replayed
        await ada.finish(begun.challenge_id, response)
    assert ("account-suspended", ada.caller.user_id) in await ada.world.refusals("auth.login_with_passkey")


async def test_a_copied_key_is_refused_by_its_counter(ada: Account) -> None:
    device = Authenticator(ORIGIN)
    await ada.register(device)
    copy = replace(device)
    await ada.sign_in(device)
    with pytest.raises(PasskeyRefused):
        await ada.sign_in(copy)
    assert await ada.sign_in(device)


async def test_responses_for_others_are_refused(ada: Account) -> None:
    device = Authenticator(ORIGIN)
    await ada.register(device)
    attacks = [
        (replace(device, origin="https://dashboard.example.org.evil.example", counter=10), {}),
        (replace(device, rp_id="evil.example", counter=20), {}),
        (replace(device, counter=30), {"type": "webauthn.create"}),
        (replace(device, counter=40), {"challenge": "AAAA"}),
        (replace(device, counter=50, user_handle="AAAAAAAAAAAAAAAAAAAAAA"), {}),
        (Authenticator(ORIGIN, credential_id=device.credential_id, counter=60, user_handle=device.user_handle), {}),
        (Authenticator(ORIGIN), {}),
    ]
    for attacker, changes in attacks:
        with pytest.raises(PasskeyRefused):
            await ada.sign_in(attacker, **changes)
    assert await ada.sign_in(device)


async def test_a_registration_belongs_to_its_user_challenge_and_origin(ada: Account) -> None:
    with pytest.raises(InvalidPasskey):
        await ada.register(Authenticator("https://evil.example"))
    with pytest.raises(InvalidPasskey):
        await ada.register(Authenticator(ORIGIN), challenge="AAAA")
    begun = await ada.world.call(BeginPasskeyRegistration(), caller=ada.caller)
    request = RegisterPasskey(challenge_id=begun.challenge_id, name="x", credential=Authenticator(ORIGIN).create(begun.options))
    with pytest.raises(UnknownPasskeyChallenge):
        await ada.world.call(request, caller=Caller(uuid4(), authenticated_at=ada.world.clock.now()))
    device = Authenticator(ORIGIN)
    await ada.register(device)
    with pytest.raises(PasskeyTaken):
        await ada.register(device)
    with pytest.raises(RecentLoginRequired):
        await ada.world.call(BeginPasskeyRegistration(), caller=ada.session)


@pytest.mark.parametrize("kind", ["nested", "array", "null", "text", "nested-cbor", "android-safetynet", "tpm", "apple"])
async def test_malformed_responses_are_refused_as_wrong_ones(ada: Account, kind: str) -> None:
    device = Authenticator(ORIGIN)
    registration = await ada.world.call(BeginPasskeyRegistration(), caller=ada.caller)
    credential = malformed(device.create(registration.options), kind)
    with pytest.raises(InvalidPasskey):
        await ada.world.call(RegisterPasskey(challenge_id=registration.challenge_id, name="Laptop", credential=credential), caller=ada.caller)
    login = await ada.world.call(BeginPasskeyLogin())
    with pytest.raises(PasskeyRefused):
        await ada.finish(login.challenge_id, credential)


def malformed(credential: str, kind: str) -> str:
    """What strangers send: no credential, or one with an attestation statement that is none."""
    texts = {"nested": "[" * 60_000, "array": "[]", "null": "null", "text": "{"}
    if kind in texts:
        return texts[kind]
    document = json.loads(credential)
    attestation = cbor2.loads(urlsafe_b64decode(document["response"]["attestationObject"] + "=="))
    changed = (
        b"\x81" * 30_000
        if kind == "nested-cbor"
        else cbor2.dumps(attestation | {"fmt": kind, "attStmt": {"ver": "2.0", "x5c": [b"x"], "response": b"x"}})
    )
    document["response"]["attestationObject"] = encode(changed)
    return json.dumps(document)


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
