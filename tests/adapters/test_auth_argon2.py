"""Hashing with real argon2."""

import asyncio
import statistics
import time

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from functions.auth.adapters.argon2 import DUMMY_HASH, MAX_THREADS, Argon2Hasher
from functions.auth.domain.email import Email
from functions.auth.domain.password import Password
from functions.kernel import Permanent

PASSWORD = Password("caf\u00e9 am rande der welt", owner=Email("ada@example.org"))


async def test_a_hash_matches_its_password_only() -> None:
    hasher = Argon2Hasher()
    hashed = await hasher.hash(PASSWORD)
    assert await hasher.matches(hashed, "cafe\u0301 am rande der welt")
    assert not await hasher.matches(hashed, "cafe am rande der welt")
    assert hashed != await hasher.hash(PASSWORD)
    assert await hasher.matches(await hasher.rehash(PASSWORD.text), PASSWORD.text)


async def test_the_parameters_are_those_of_owasp() -> None:
    parameters = extract_parameters(await Argon2Hasher().hash(PASSWORD))
    assert (parameters.type, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (Type.ID, 19 * 1024, 2, 1)


async def test_hashes_with_weaker_parameters_need_a_rehash() -> None:
    hasher = Argon2Hasher()
    assert not hasher.needs_rehash(await hasher.hash(PASSWORD))
    assert hasher.needs_rehash(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD.text))


async def test_a_missing_account_never_matches_and_takes_the_same_time() -> None:
    hasher = Argon2Hasher()
    assert not hasher.needs_rehash(DUMMY_HASH), "the dummy hash needs the current parameters, otherwise its time differs"
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
        await Argon2Hasher().matches("$argon2id$broken", "anything")


async def test_hashing_does_not_block_the_event_loop_and_is_bounded() -> None:
    hasher, ticks = Argon2Hasher(), 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(12)))
    ticking.cancel()
    assert ticks > 10
    assert len(hasher._threads._threads) <= MAX_THREADS
