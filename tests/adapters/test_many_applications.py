"""What does not grow with the number of applications: plans of statements, and numbers of statements."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from functions.billing.adapters.postgres_usage import PostgresUsage
from functions.billing.domain.periods import Period
from functions.deploy.adapters.postgres_storage_meters import PostgresStorageMeters
from functions.deploy.domain.storage_metering import StorageMeter
from functions.kernel import new_id
from functions.monitor.adapters.alerts import PostgresAlerts, PostgresRules
from functions.monitor.adapters.metrics import PostgresRequests
from functions.monitor.adapters.postgres import PostgresApplications
from functions.monitor.domain.applications import Application
from functions.monitor.domain.rules import NoData, Rule, RuleKind
from functions.monitor.services.silence import evaluate_silence
from functions.runtime.storage.database import Connection, Database
from tests.servers import Databases

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
CONTEXTS = ("auth", "billing", "deploy", "monitor")
OF_PLANS = {"rated_periods", "subscriptions", "invoices"}
"""Their references to plans, which are never deleted."""

UNINDEXED = """
SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint AS reference
WHERE contype = 'f' AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = conrelid AND (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey)
"""
STATEMENTS: dict[str, dict[str, str]] = {
    "deploy": {
        "DELETE FROM runs WHERE requested_at < now()": "runs_requested_at",
        "SELECT FROM runs WHERE application_id = '00000000-0000-4000-8000-000000000001' ORDER BY id DESC LIMIT 21": "runs_of_application_by_id",
        "SELECT FROM runs WHERE finished_at IS NULL AND attached_at IS NULL AND requested_at < now() ORDER BY id LIMIT 9": "runs_unfinished",
        "SELECT FROM data_service_backups WHERE application_id = '00000000-0000-4000-8000-000000000001'": "data_service_backups_application_id",
        "SELECT FROM volume_snapshots WHERE application_id = '00000000-0000-4000-8000-000000000001'": "volume_snapshots_application_id",
        "DELETE FROM certificate_orders WHERE ordered_at < now()": "certificate_orders_ordered_at",
    },
    "billing": {"SELECT FROM payments WHERE customer_id = '00000000-0000-4000-8000-000000000001' ORDER BY id DESC LIMIT 1": "payments_of_customer"},
    "monitor": {
        "SELECT FROM markers WHERE at < now() LIMIT 9": "markers_at",
        "SELECT FROM alerts WHERE closed AND resolved_at < now() LIMIT 9": "alerts_closed",
        "SELECT FROM alerts WHERE incident = 'deployment:1' ORDER BY id LIMIT 1": "alerts_of_incident",
        "SELECT FROM alert_deliveries WHERE created_at < now() LIMIT 9": "alert_deliveries_created_at",
        "SELECT FROM alert_channels WHERE starts_with(secret, 'whsec_') LIMIT 9": "alert_channels_unsealed",
        "SELECT FROM request_windows_default WHERE at >= now() AND at < now() + interval '1 hour'": "request_windows_default_at",
        "SELECT FROM resource_windows_default WHERE at >= now() AND at < now() + interval '1 hour'": "resource_windows_default_at",
    },
}
"""Statements of adapters, shortened, and the index that finds their rows. Without it they read a table that grows with each application."""


@pytest.mark.parametrize("context", CONTEXTS)
def test_foreign_keys_have_an_index(postgres: Databases, context: str) -> None:
    """Deleting a row looks for the rows that refer to it: without an index in all of them, for each row that is deleted."""
    with psycopg.connect(postgres.database(context).functions_url) as connection:
        found = connection.execute(UNINDEXED).fetchall()
    assert [(table, key) for table, key in found if not (table in OF_PLANS and "REFERENCES plans" in key)] == []


@pytest.mark.parametrize(("context", "statement"), [(context, each) for context, statements in STATEMENTS.items() for each in statements])
def test_rows_are_found_by_an_index(postgres: Databases, context: str, statement: str) -> None:
    with psycopg.connect(postgres.database(context).owner_url) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {statement}"))  # type: ignore[call-overload]
    assert STATEMENTS[context][statement] in plan, plan


@pytest.fixture
async def database(request: pytest.FixtureRequest, postgres: Databases) -> AsyncIterator[Database]:
    database = Database(postgres.database(request.param).functions_url, size=1)
    yield database
    await database.close()


@contextmanager
def counted_statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What reaches the server, as far as it goes through a cursor."""
    sent: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def counting(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(str(query))
        return await execute(self, query, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.AsyncCursor, "execute", counting)
        yield sent


@pytest.mark.parametrize("database", ["monitor"], indirect=True)
async def test_silence_is_evaluated_with_the_same_statements_for_any_number_of_rules(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    rules, requests, alerts, applications = (each(database) for each in (PostgresRules, PostgresRequests, PostgresAlerts, PostgresApplications))
    numbers = []
    for count in (1, 40):
        async with database.transaction() as connection:
            await _add_silent_rules(connection, rules, applications, count)
        async with database.transaction():
            assert len(await evaluate_silence(rules, requests, alerts, applications, NOW)) >= count, "they fire"
        with counted_statements(monkeypatch) as sent:
            async with database.transaction():
                assert await evaluate_silence(rules, requests, alerts, applications, NOW + timedelta(minutes=10)) == []
        numbers.append(len([each for each in sent if "SELECT" in each]))
    assert numbers[0] == numbers[1], "more rules, the same number of statements"


async def _add_silent_rules(connection: Connection, rules: PostgresRules, applications: PostgresApplications, count: int) -> None:
    created_at = NOW - timedelta(days=1)
    for _ in range(count):
        application = Application(new_id(), new_id(), "quiet", created_at=created_at)
        await applications.keep([application])
        window = timedelta(minutes=5)
        rule = Rule(new_id(), application.id, RuleKind.ERROR_RATE, created_at, "staging", 0.1, window, timedelta(0), 1, False, NoData.FIRE)
        await rules.add(rule)


@pytest.mark.parametrize("database", ["deploy"], indirect=True)
async def test_meters_are_saved_and_deleted_together(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    meters, found = PostgresStorageMeters(database), [StorageMeter(new_id(), "hello", new_id(), NOW) for _ in range(30)]
    async with database.transaction():
        with counted_statements(monkeypatch) as sent:
            await meters.save(found)
            await meters.delete([each.application_id for each in found])
    assert len(sent) == 2


@pytest.mark.parametrize("database", ["billing"], indirect=True)
async def test_the_total_of_a_period_reads_a_row_for_each_day(database: Database) -> None:
    """Each record of usage reads it: a customer with many applications must not pay for each of them with each record."""
    user, period = new_id(), Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    async with database.transaction() as connection:
        await connection.execute(
            """
            INSERT INTO usage_hours (user_id, hour, application_id, environment, requests, cpu_milliseconds)
            SELECT %s, hour, gen_random_uuid(), 'production', 1, 1
            FROM generate_series(%s::timestamptz, %s, interval '1 hour') AS hour, generate_series(1, 20)
            """,
            (user, period.begin, period.begin + timedelta(hours=71)),
        )
        assert (await PostgresUsage(database).total(user, period)).requests == 72 * 20
        assert await _count(connection, "usage_totals", user) == 3
        assert await _count(connection, "usage_days", user) == 72 * 20


async def _count(connection: Connection, table: str, user_id: UUID) -> int:
    row = await (await connection.execute(f"SELECT count(*) FROM {table} WHERE user_id = %s", (user_id,))).fetchone()
    return int(row[0]) if row else 0


MESSAGES = (
    "json_agg(json_build_object('source', '/test', 'id', number::text, 'function', 'test.do', 'body_hash', '', "
    "'session_id', gen_random_uuid(), 'outcome', 'done'))"
)
"""Claims and replies of a batch, by their numbers: more fields than either function reads."""


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("function", ["claim_messages", "store_replies"])
def test_a_batch_reads_the_rows_of_its_messages_only(postgres: Databases, context: str, function: str) -> None:
    """Its plan was kept when the tables were empty, and they grow by thousands of rows before the server analyzes them again."""
    call = f"SELECT {function}((SELECT {MESSAGES} FROM generate_series(%s::int, %s::int) AS number))"
    with psycopg.connect(postgres.database(context).owner_url) as connection:
        connection.execute("TRUNCATE inbox, revoked_sessions")
        connection.execute("ANALYZE inbox, revoked_sessions")
        for batch in range(10):  # the first five are planned anew each time
            connection.execute(call, (batch * 10, batch * 10 + 9))
        connection.execute("INSERT INTO revoked_sessions (session_id, revoked_at) SELECT gen_random_uuid(), now() FROM generate_series(1, 5000)")
        connection.execute(
            "INSERT INTO inbox (source, id, function, body_hash) SELECT '/test', n::text, 'test.do', '' FROM generate_series(100, 5000) AS n"
        )
        before = _sequential_scans(connection)
        connection.execute(call, (101, 110))
        assert _sequential_scans(connection) == before
        connection.rollback()


def _sequential_scans(connection: psycopg.Connection[Any]) -> list[tuple[str, int]]:
    """Of this transaction, by table."""
    return connection.execute(
        "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE relname IN ('inbox', 'revoked_sessions') ORDER BY 1"
    ).fetchall()
