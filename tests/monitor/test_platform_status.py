"""`./taskw status` says what an operator has to look at: dead letters, and what monitor says is wrong with the platform itself."""

import uuid
from typing import Any

from rich.table import Table

from knative.machine import migrations, status
from knative.machine.home import CONTEXTS

LETTER = """
INSERT INTO dead_letters (id, function, source, message_id, type, headers, body, error, detail, attempts)
VALUES (gen_random_uuid(), 'billing.on_user_created', '/s', %s, 'user.created', '{}', '', 'ValueError', '', 8)
"""
ALERT = """
INSERT INTO alerts (id, application_id, rule_id, incident, kind, environment, state, summary, began_at, state_version, occurrences, fired_at, closed)
VALUES (gen_random_uuid(), %s, gen_random_uuid(), %s, 'dead-letters', 'billing.on_user_created', 'firing', %s, now(), 1, 1, now(), false)
"""


def rows(table: Table) -> list[tuple[str, ...]]:
    return list(zip(*(map(str, column.cells) for column in table.columns[1:4]), strict=True))


def shown(home: Any) -> tuple[bool, list[tuple[str, ...]]]:
    table = Table()
    for name in ("", "what", "state", "where", "memory"):
        table.add_column(name)
    well = [status._dead_letters(table, home), status._alerts(table, home)]
    return all(well), rows(table)


def test_the_status_names_dead_letters_and_the_platforms_alerts(own_postgres: Any) -> None:
    home = own_postgres.home
    assert shown(home) == (True, [("dead letters", "not known yet", ""), ("alerts", "not known yet", "")])
    for context in CONTEXTS:
        migrations.migrate(own_postgres.database(context).owner_url, context)
    assert shown(home) == (True, [("dead letters", "none", ""), ("alerts", "none", "")])
    with own_postgres.superuser("billing") as billing, own_postgres.superuser("monitor") as monitor:
        for id in ("1", "2"):
            billing.execute(LETTER, [id])
        monitor.execute(ALERT, [uuid.UUID(int=0), "rule:1", "2 dead letters wait"])
        monitor.execute(ALERT, [uuid.uuid4(), "rule:2", "somebody's own"])
    well, found = shown(home)
    assert not well and found[1] == ("alert", "firing", "2 dead letters wait")
    assert found[0][:2] == ("dead letters", "2 of billing") and found[0][2].endswith("GET /v1/operations/billing/dead-letters")
