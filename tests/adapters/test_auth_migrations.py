"""Migrations of auth: rows of former releases keep what they say under the new names and with the new columns."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg

from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.registration import Stage
from functions.auth.domain.session import PASSWORD_ONLY, EndReason
from knative.machine.migrations import migrate
from tests.adapters.auth_stores import HASH, in_postgres
from tests.adapters.former_schema import former_database
from tests.servers import Databases

THEN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
STATES = {
    "customer": (None, None, Stage.CUSTOMER),
    "limiting": ("payment-account", None, Stage.COMPENSATING),
    "limited": ("payment-account", THEN, Stage.COMPENSATED),
    "failed": ("quota", THEN, Stage.FAILED),
    "completed": (None, THEN, Stage.COMPLETED),
}


async def test_registrations_and_sent_emails_keep_their_rows(postgres: Databases, tmp_path: Path) -> None:
    database = former_database(postgres, tmp_path, "auth", before=8)
    users = {status: uuid4() for status in STATES}
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        for status, (given_up, finished_at, _) in STATES.items():
            user = users[status]
            connection.execute(
                "INSERT INTO users (id, email, password_hash, created_at, updated_at) VALUES (%s, %s, %s, %s, %s)",
                (user, f"{status}@example.org", HASH, THEN, THEN),
            )
            running = None if finished_at else THEN
            connection.execute(
                "INSERT INTO registrations (id, status, given_up, reason, detail, correlation_id, started_at, changed_at, deadline_at, look_at,"
                " finished_at, version) VALUES (%s, %s, %s, %s, 'why', 'c', %s, %s, %s, %s, %s, 3)",
                (user, status, given_up, given_up and "refused", THEN, THEN, running, running, finished_at),
            )
        for position, step in enumerate(("payment-account", "limiting"), 1):
            connection.execute(
                "INSERT INTO saga_steps (saga_id, step, position, started_at, attempts) VALUES (%s, %s, %s, %s, 1)",
                (users["limiting"], step, position, THEN),
            )
        connection.execute("INSERT INTO sent_mails VALUES (%s, %s, 'verification', %s)", (uuid4(), users["customer"], THEN))

    migrate(database.owner_url, "auth")

    async with in_postgres(database.functions_url) as stores, stores.transaction():
        for status, (failed_step, _, stage) in STATES.items():
            registration = await stores.registrations.lock(users[status])
            assert registration is not None
            assert (registration.status, registration.failed_step, registration.detail) == (stage, failed_step, "why")
        registration = await stores.registrations.get(users["limiting"])
        assert registration is not None and [step.step for step in registration.steps] == ["payment-account", "compensating"]
        assert await stores.sent_emails.count(users["customer"], EmailKind.VERIFICATION, THEN - timedelta(seconds=1)) == 1


async def test_sessions_of_before_have_the_factor_and_the_time_of_their_sign_in(postgres: Databases, tmp_path: Path) -> None:
    database = former_database(postgres, tmp_path, "auth", before=14)
    user, session = uuid4(), uuid4()
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO users (id, email, password_hash, created_at, updated_at) VALUES (%s, %s, %s, %s, %s)",
            (user, "ada@example.org", HASH, THEN, THEN),
        )
        connection.execute(
            "INSERT INTO sessions (id, user_id, address, user_agent, started_at, last_seen_at, expires_at, generation, rotated_at, grace_uses,"
            " ended_at, end_reason) VALUES (%s, %s, '', '', %s, %s, %s, 1, %s, 0, %s, 'logged-out')",
            (session, user, THEN, THEN, THEN, THEN, THEN),
        )

    migrate(database.owner_url, "auth")

    async with in_postgres(database.functions_url) as stores, stores.transaction():
        stored = await stores.sessions.lock(session)
        assert stored is not None
        assert (stored.authenticated_at, stored.methods, stored.end_reason) == (THEN, PASSWORD_ONLY, EndReason.LOGGED_OUT)
