"""Passkeys that are copied, and responses that are repeated, of others, malformed, or for another origin."""

import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from uuid import uuid4

import cbor2
import pytest

from functions.auth.commands.begin_passkey_login import BeginPasskeyLogin
from functions.auth.commands.begin_passkey_registration import BeginPasskeyRegistration
from functions.auth.commands.register_passkey import RegisterPasskey
from functions.auth.domain.passkey import CHALLENGE_LIFETIME
from functions.auth.domain.rejections import (
    AccountSuspended,
)
from functions.auth.domain.sign_in_rejections import (
    InvalidPasskey,
    PasskeyRefused,
    PasskeyTaken,
    UnknownPasskeyChallenge,
)
from functions.auth.ports import PasskeyChallenges
from functions.kernel import Caller, RecentLoginRequired
from tests.auth.authenticator import Authenticator, encode
from tests.auth.passkey_account import ORIGIN, Account
from tests.auth.world import World


@pytest.fixture
async def ada() -> Account:
    return await Account(World({"CAPSULE_DASHBOARD_URL": ORIGIN})).prepare()


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
