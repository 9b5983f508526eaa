"""Rows as releases since V7 wrote them, in one database of monitor that is migrated version by version."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from functions.monitor.adapters.alerts import PostgresAddresses, PostgresRules
from functions.monitor.adapters.logs import PostgresLogs
from functions.monitor.adapters.postgres import PostgresApplications
from functions.monitor.domain.applications import PLATFORM
from functions.monitor.domain.logs import LogFilter
from functions.monitor.domain.rules import OF_INCIDENTS, NoData, RuleKind
from functions.monitor.domain.search import conditions
from functions.runtime.storage.database import Database
from tests.adapters.former_schema import FormerDatabase
from tests.servers import Databases

NOW = datetime.now(UTC).replace(microsecond=0)
LAST_YEAR = NOW - timedelta(days=400)
FIRST = 8
LINES = ['{"level": "error"}', '{"level": "error"', '{"level": "err\\u0000or"}', "[1]", "", '{"level": "info", "level": "error"}']

FORMER_KINDS = [kind for kind in RuleKind if kind not in OF_INCIDENTS]


def add_rule(former: FormerDatabase, application: UUID, kind: RuleKind, deleted_at: datetime | None = None) -> UUID:
    rule = uuid4()
    threshold = 0.05 if kind.is_measured else None
    former.insert(
        "alert_rules",
        **{"id": rule, "application_id": application, "kind": kind, "threshold": threshold, "window_length": timedelta(minutes=5)},
        **{"pending_period": timedelta(0), "min_requests": 10, "preset": False, "created_at": NOW, "deleted_at": deleted_at},
    )
    return rule


async def test_rows_of_each_version_are_what_they_were(postgres: Databases, tmp_path: Path) -> None:
    former = FormerDatabase(postgres, tmp_path, "monitor")
    former.migrate_through(7)
    application, owner, deleted = uuid4(), uuid4(), uuid4()
    former.insert("applications", id=application, user_id=owner, name="hello")
    former.insert("applications", id=deleted, user_id=owner, name="gone", deleted_at=NOW)
    former.insert("addresses", user_id=owner, email="ada@example.org", updated_at=NOW)
    for number, line in enumerate(LINES):
        former.insert(
            "log_lines",
            **{"at": LAST_YEAR if number == 0 else NOW, "application_id": application, "environment": "staging", "component": "run"},
            **{"pod": "p", "container": "c", "stream": "stdout", "line": line},
        )

    former.migrate_through(8)
    assert former.rows("SELECT proparallel FROM pg_proc WHERE proname = 'json_of'") == [("u",)]
    rules = {add_rule(former, PLATFORM.id if kind.is_of_platform else application, kind): kind for kind in FORMER_KINDS}
    removed = [add_rule(former, PLATFORM.id, RuleKind.DEAD_LETTERS, NOW), add_rule(former, application, RuleKind.ERROR_RATE, NOW)]
    firing = uuid4()
    former.insert(
        "alerts",
        **{"id": firing, "application_id": application, "rule_id": next(iter(rules)), "incident": "i", "kind": "error-rate", "state": "firing"},
        **{"environment": "staging", "summary": "5 of 10", "began_at": NOW, "state_version": 2, "occurrences": 1, "fired_at": NOW, "closed": False},
    )

    former.migrate_through(9)
    kept = {kind: no_data for kind, no_data in former.rows("SELECT kind, no_data FROM alert_rules WHERE deleted_at IS NULL")}
    assert kept == {kind: "resolve" if kind.is_of_platform else "keep" for kind in FORMER_KINDS}
    assert former.rows("SELECT no_data FROM alert_rules WHERE id = ANY(%s) ORDER BY no_data", removed) == [("keep",), ("resolve",)]
    assert former.rows("SELECT state, state_version FROM alerts") == [("firing", 2)], "nothing is resolved by the upgrade"
    with pytest.raises(psycopg.errors.CheckViolation):
        former.execute("UPDATE alert_rules SET no_data = 'ignore'")
    deployed = {"deployment_id": uuid4(), "kind": "deployment-failed", "application_id": application, "at": NOW, "reason": "build-failed"}
    former.insert("markers", environment="preview7", **deployed)

    former.migrate_through(10)
    former.migrate_through(11)
    former.migrate_through(13)
    webhook = {"url": "https://hooks.example.org", "event_types": ["*"], "description": "", "secret": "sealed", "created_at": NOW}
    former.insert("webhooks", id=application, user_id=owner, **webhook)
    former.migrate_through(14)
    assert former.rows("SELECT secret, created_by, oldest_secret FROM webhooks") == [("sealed", None, None)]
    former.migrate_through(16)
    delivery = {"payload": "{}", "created_at": NOW, "state": "delivered", "attempts": 2, "retries": 1, "response": "", "finished_at": NOW}
    former.insert("webhook_deliveries", id=uuid4(), webhook_id=application, **delivery)
    former.migrate_through(17)
    assert former.rows("SELECT attempts, version FROM webhook_deliveries") == [(2, 1)]
    former.migrate_through(21)
    blocks = former.rows("SELECT application_id, last_position - first_position + 1, at > first_at, filter FROM log_blocks")
    assert blocks == [(application, len(LINES), True, b"")], "a search reads all former lines"
    former.migrate_through(23)
    assert former.rows("SELECT DISTINCT process FROM log_lines UNION SELECT DISTINCT process FROM hot_log_lines") == [("",)]
    former.migrate_through(24)
    add_rule(former, application, RuleKind.SCHEDULED_RUN_FAILED)
    former.migrate_through(27)
    assert former.rows("SELECT now() - reported_at < interval '1 minute', missing_since FROM collection") == [(True, None)], "as if reported just now"
    former.migrate_through(29)
    for kind in OF_INCIDENTS:
        add_rule(former, application, kind)
    former.migrate_through(34)
    former.rows("INSERT INTO environments (application_id, name) VALUES (%s, 'review') RETURNING name", application)
    former.migrate_through(35)
    assert former.rows("SELECT name, is_deleted, changed_at = '-infinity' FROM environments") == [("review", False, True)], "any event is later"
    former.migrate_to_newest()
    assert not former.unvisited(since=FIRST), "apply these versions here, one at a time, to rows of the version before"

    store = Database(former.database.functions_url)
    try:
        async with store.transaction():
            for rule, kind in rules.items():
                found = await PostgresRules(store).get(rule)
                assert found is not None
                assert (found.kind, found.no_data) == (kind, NoData.RESOLVE if kind.is_of_platform else NoData.KEEP)
            applications = PostgresApplications(store)
            assert set(await applications.environments(application)) == {"preview7", "review"}, (
                "one that was deployed to is known, though nobody reported it"
            )
            assert {each.id for each in await applications.of_teams([owner])} == {application, deleted}
            assert await PostgresAddresses(store).of(owner) == "ada@example.org"
            logs = PostgresLogs(store)
            found_lines = await logs.last(LogFilter(application, fields=conditions("level=error")), 10)
            assert [each.line for each in found_lines] == [LINES[0], LINES[5]]
            assert len(await logs.last(LogFilter(application), 10)) == len(LINES)
    finally:
        await store.close()
