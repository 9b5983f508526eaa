"""Alert stores in memory and on PostgreSQL, and what they store in tests."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from functions.kernel import new_id
from functions.monitor.domain.alerts import Alert
from functions.monitor.domain.rules import NoData, Observation, Rule, RuleKind, Verdict
from functions.runtime.storage.database import Database
from tests.adapters.monitor_databases import Store, stored
from tests.servers import Databases

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)
BREACH, HEALTHY = Observation(Verdict.BREACHED, 0.5, 20), Observation(Verdict.HEALTHY, 0.0, 20)


@pytest.fixture(scope="module")
def urls() -> dict[str, str]:
    """One database for the module: tests use applications of their own."""
    return {}


@pytest.fixture(params=["memory", "native"])
async def store(request: pytest.FixtureRequest, urls: dict[str, str], postgres: Databases) -> AsyncIterator[Store]:
    async with stored(postgres, request.param, urls) as store:
        yield store


@pytest.fixture
async def database(urls: dict[str, str], postgres: Databases) -> AsyncIterator[Database]:
    async with stored(postgres, "native", urls) as store:
        assert store.database is not None
        yield store.database


def measured(application: UUID) -> Rule:
    return Rule(new_id(), application, RuleKind.ERROR_RATE, NOW, "staging", 0.25, 7 * MINUTE, MINUTE, 12, no_data=NoData.FIRE)


def failed(application: UUID, deployment: UUID | None = None, at: datetime = NOW) -> Alert:
    rule = Rule(new_id(), application, RuleKind.DEPLOYMENT_FAILED, NOW)
    alert, _ = Alert.of_deployment(rule, deployment_id=deployment or new_id(), environment="staging", summary="it failed", correlation_id="c1", at=at)
    return alert
