"""Counts of dead letters: one suite in memory and over PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from functions.monitor.adapters.dead_letters import SettingsOperators
from functions.monitor.adapters.sealing import SealedVault
from functions.monitor.domain.dead_letters import Waiting, WaitingTally
from functions.runtime.config.settings import Settings
from tests.adapters.monitor_databases import Store, stored
from tests.servers import Databases

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)
SINCE = NOW - timedelta(hours=3)


@pytest.fixture(params=["memory", "native"])
async def store(request: pytest.FixtureRequest, postgres: Databases) -> AsyncIterator[Store]:
    async with stored(postgres, request.param, {}) as store:
        yield store


async def test_what_was_counted_last_is_what_there_is(store: Store) -> None:
    three, none = Waiting(3, 1, SINCE), Waiting(0, 0, NOW)
    async with store.transaction():
        assert list(await store.letters.counted_in("billing")) == []
        await store.letters.add("billing", {"billing.a": three, "billing.b": Waiting(9, 0, SINCE)}, NOW - 20 * MINUTE)
        await store.letters.add("auth", {"auth.a": three}, NOW - 20 * MINUTE)
        await store.letters.add("billing", {"billing.a": Waiting(2, 0, SINCE), "billing.b": none}, NOW - 10 * MINUTE)
    async with store.transaction():
        assert set(await store.letters.counted_in("billing")) == {"billing.a"}
        assert await store.letters.last("billing.a", NOW - 15 * MINUTE) == Waiting(2, 0, SINCE)
        assert await store.letters.last("auth.a", NOW - 15 * MINUTE) is None, "too old to tell of now"
        assert await store.letters.last("auth.a", NOW - 25 * MINUTE) == three
        assert await store.letters.by_function(NOW - 60 * MINUTE, NOW) == {
            "auth.a": WaitingTally(3, 3, SINCE),
            "billing.a": WaitingTally(2, 3, SINCE),
            "billing.b": WaitingTally(0, 9, None),
        }


async def test_the_same_count_twice_is_once_and_old_ones_go(store: Store) -> None:
    async with store.transaction():
        for _ in range(2):
            await store.letters.add("deploy", {"deploy.a": Waiting(1, 0, SINCE)}, NOW - 60 * MINUTE)
        await store.letters.add("deploy", {"deploy.a": Waiting(4, 0, SINCE)}, NOW)
    async with store.transaction():
        assert await store.letters.forget(NOW - 30 * MINUTE) == 1
        assert await store.letters.by_function(SINCE, NOW + MINUTE) == {"deploy.a": WaitingTally(4, 4, SINCE)}


def test_operators_are_where_the_settings_say() -> None:
    assert SettingsOperators(Settings({})).addresses() == ()
    assert SettingsOperators(Settings({"CAPSULE_OPERATORS": " ada@example.org, ,bob@example.org"})).addresses() == (
        "ada@example.org",
        "bob@example.org",
    )


def test_a_secret_that_was_stored_before_secrets_were_sealed_is_still_read() -> None:
    assert SealedVault(Settings({})).open("whsec_AAAA") == "whsec_AAAA"
