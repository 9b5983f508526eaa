"""Hashing with real argon2."""

import asyncio
import statistics
import time

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from functions.auth.adapters.argon2 import Argon2Hasher
from functions.auth.domain.email import Email
from functions.auth.domain.password import Password
from functions.kernel import Permanent
from functions.runtime.config.settings import Settings

PASSWORD = Password("caf\u00e9 am rande der welt", owner=Email("ada@example.org"))


def argon2_hasher(**settings: str) -> Argon2Hasher:
    return Argon2Hasher(Settings(settings))


async def test_a_hash_matches_its_password_only() -> None:
    hasher = argon2_hasher()
    hashed = await hasher.hash(PASSWORD)
    assert await hasher.matches(hashed, "cafe\u0301 am rande der welt")
    assert not await hasher.matches(hashed, "cafe am rande der welt")
    assert hashed != await hasher.hash(PASSWORD)
    assert await hasher.matches(await hasher.rehash(PASSWORD.text), PASSWORD.text)


async def test_the_parameters_are_those_of_owasp() -> None:
    parameters = extract_parameters(await argon2_hasher().hash(PASSWORD))
    assert (parameters.type, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (Type.ID, 19 * 1024, 2, 1)


async def test_the_settings_change_the_parameters_and_former_hashes_need_a_rehash() -> None:
    former = await argon2_hasher().hash(PASSWORD)
    hasher = argon2_hasher(CAPSULE_ARGON2_MEMORY_KIB="20000", CAPSULE_ARGON2_TIME_COST="3", CAPSULE_ARGON2_PARALLELISM="2")
    for text in (await hasher.hash(PASSWORD), hasher.dummy_hash):
        parameters = extract_parameters(text)
        assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (20_000, 3, 2)
        assert not hasher.needs_rehash(text)
    assert hasher.needs_rehash(former) and await hasher.matches(former, PASSWORD.text)


async def test_hashes_with_weaker_parameters_need_a_rehash() -> None:
    hasher = argon2_hasher()
    assert not hasher.needs_rehash(await hasher.hash(PASSWORD))
    assert hasher.needs_rehash(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD.text))


async def test_a_missing_account_never_matches_and_takes_the_same_time() -> None:
    hasher = argon2_hasher()
    assert not hasher.needs_rehash(hasher.dummy_hash), "the dummy hash needs the current parameters, or its time differs"
    hashed = await hasher.hash(PASSWORD)

    async def seconds(password_hash: str | None) -> float:
        started = time.process_time()  # of this process: what else runs on the machine does not count
        assert not await hasher.matches(password_hash, "wrong")
        return time.process_time() - started

    pairs = [(await seconds(hashed), await seconds(None)) for _ in range(15)]
    known, unknown = (statistics.median(side) for side in zip(*pairs, strict=True))
    assert 0.5 < known / unknown < 2


async def test_a_malformed_hash_is_an_error_not_a_wrong_password() -> None:
    with pytest.raises(Permanent):
        await argon2_hasher().matches("$argon2id$broken", "anything")


async def test_hashing_does_not_block_the_event_loop_and_is_bounded() -> None:
    hasher, ticks = argon2_hasher(), 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(12)))
    ticking.cancel()
    assert ticks > 10
    assert len(hasher._threads._threads) <= 2
