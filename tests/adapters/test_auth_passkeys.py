"""The contracts of `Passkeys` and `PasskeyChallenges`, on memory and on PostgreSQL."""

import secrets
from datetime import timedelta

import pytest

from functions.auth.domain.passkey import CHALLENGE_LIFETIME, Passkey, PasskeyChallenge, Purpose, RegisteredKey
from functions.auth.domain.sign_in_rejections import (
    PasskeyTaken,
)
from functions.kernel import new_id
from tests.adapters.auth_stores import NOW, Stores, stored_user


def key() -> RegisteredKey:
    return RegisteredKey(secrets.token_bytes(32), secrets.token_bytes(77), 0, True)


async def test_a_passkey_is_found_by_its_credential_with_what_is_saved(stores: Stores) -> None:
    user, other, registered = await stored_user(stores), await stored_user(stores), key()
    first, _ = Passkey.register(user.id, registered, "Laptop", NOW)
    second, _ = Passkey.register(user.id, key(), "Phone", NOW)
    async with stores.transaction():
        await stores.passkeys.add(first)
        with pytest.raises(PasskeyTaken):
            await stores.passkeys.add(Passkey.register(other.id, registered, "Laptop", NOW)[0])
        await stores.passkeys.add(second)
    first.use(2**31, NOW + timedelta(hours=1))
    first.rename("Key ring", NOW)
    async with stores.transaction():
        await stores.passkeys.save(first)
        assert await stores.passkeys.lock_by_credential(registered.credential_id) == first
        assert await stores.passkeys.lock_by_credential(b"other") is None
        assert list(await stores.passkeys.list_for_user(user.id)) == list(await stores.passkeys.lock_for_user(user.id)) == [first, second]
        for _ in range(2):
            await stores.passkeys.delete(first.id)
        assert await stores.passkeys.list_for_user(user.id) == [second] and not await stores.passkeys.list_for_user(other.id)


async def test_a_challenge_is_taken_once_and_pruned(stores: Stores) -> None:
    user = await stored_user(stores)
    challenge = PasskeyChallenge.new(Purpose.REGISTRATION, user.id, NOW)
    old = PasskeyChallenge.new(Purpose.LOGIN, None, NOW - CHALLENGE_LIFETIME - timedelta(seconds=1))
    async with stores.transaction():
        await stores.passkey_challenges.add(challenge)
        await stores.passkey_challenges.add(old)
        assert await stores.passkey_challenges.take(challenge.id) == challenge
        assert await stores.passkey_challenges.take(challenge.id) is None is await stores.passkey_challenges.take(new_id())
        assert await stores.passkey_challenges.prune(NOW) >= 1
        assert await stores.passkey_challenges.take(old.id) is None
