"""The contract of `Erasures`, on memory and on PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from functions.kernel import new_id
from functions.monitor.domain.applications import Application
from functions.monitor.domain.rules import Rule, RuleKind
from tests.adapters.monitor_databases import Store, stored
from tests.servers import Databases

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["memory", "native"])
async def store(request: pytest.FixtureRequest, postgres: Databases) -> AsyncIterator[Store]:
    async with stored(postgres, request.param, {}) as store:
        yield store


async def test_what_is_stored_about_a_deleted_user_is_erased_and_late_addresses_are_ignored(store: Store) -> None:
    user, application, other = new_id(), new_id(), new_id()
    async with store.transaction():
        await store.addresses.keep(user, "ada@example.org", NOW)
        for each in (application, other):
            await store.applications.keep([Application(each, user, "shop")])
            await store.rules.add(Rule(new_id(), each, RuleKind.ERROR_RATE, NOW, "staging", 0.25, 7 * MINUTE, MINUTE, 12))
        for _ in range(2):
            await store.erasures.add(user, NOW)
            await store.erasures.erase(application)
        await store.addresses.keep(user, "ada@example.org", NOW + MINUTE)
        assert await store.addresses.of(user) is None
        assert [rule.application_id for rule in await store.rules.of([application, other])] == [other]
        assert await store.applications.find(application) == Application(application, user, "")
        assert user in await store.erasures.list_between(NOW, NOW)
        assert user not in await store.erasures.list_between(NOW + MINUTE, NOW + 2 * MINUTE)
        assert user not in await store.erasures.list_between(NOW - 2 * MINUTE, NOW - MINUTE)
        await store.erasures.forget(NOW + MINUTE)
        assert user not in await store.erasures.list_between(NOW, NOW)
