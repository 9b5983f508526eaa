"""`./taskw status` shows dead letters and firing alerts about the platform."""

import uuid
from typing import Any

from knative.machine import migrations
from knative.machine.home import CONTEXTS
from knative.machine.status import messages
from knative.machine.status.row import Row, State

LETTER = """
INSERT INTO dead_letters (id, function, source, message_id, type, headers, body, error, detail, attempts)
VALUES (gen_random_uuid(), 'billing.on_user_created', '/s', %s, 'user.created', '{}', '', 'ValueError', '', 8)
"""
ALERT = """
INSERT INTO alerts (id, application_id, rule_id, incident, kind, environment, state, summary, began_at, state_version, occurrences, fired_at, closed)
VALUES (gen_random_uuid(), %s, gen_random_uuid(), %s, 'dead-letters', 'billing.on_user_created', 'firing', %s, now(), 1, 1, now(), false)
"""


def test_the_status_names_dead_letters_and_platform_alerts(own_postgres: Any) -> None:
    home = own_postgres.home
    assert messages.dead_letters(home) == Row("dead letters", State.IDLE, "not known yet")
    assert messages.alerts(home) == Row("alerts", State.IDLE, "not known yet")
    for context in CONTEXTS:
        migrations.migrate(own_postgres.database(context).owner_url, context)
    assert messages.dead_letters(home) == Row("dead letters", State.GOOD, "none")
    assert messages.alerts(home) == Row("alerts", State.GOOD, "none")
    with own_postgres.superuser("billing") as billing, own_postgres.superuser("monitor") as monitor:
        for id in ("1", "2"):
            billing.execute(LETTER, [id])
        monitor.execute(ALERT, [uuid.UUID(int=0), "rule:1", "2 dead letters wait"])
        monitor.execute(ALERT, [uuid.uuid4(), "rule:2", "an application's own alert"])
    assert messages.alerts(home) == Row("alerts", State.BAD, "1 firing", ("2 dead letters wait",))
    dead_letters = messages.dead_letters(home)
    assert dead_letters.is_bad and dead_letters.summary == "2 in billing"
    assert dead_letters.details[0].endswith("GET /v1/operations/billing/dead-letters")
