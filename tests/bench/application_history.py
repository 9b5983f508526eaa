"""What applications leave behind in a month, as rows of the four contexts: for measurements with many applications (`many`).

The applications themselves are created over the API, which publishes their events. Their history would take a month: it is inserted here, in the
shapes that the adapters write. One application in five is busy in every hour, the others in two hours of a day.

    deploy   20 releases and deployments, 10 one-off commands, a variable, a verified domain without a certificate; one in five has a schedule
    billing  hours of usage of a month, and 12 invoices of the owner
    monitor  markers, 10 alerts that are over and their notifications, a rule about latency, one in five a rule that fires without data; requests
             and resources by hour and minute, and of the last hour raw
    auth     20 entries in the audit log
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID

import psycopg

from events.platform import ActorKind, AuditRecord
from functions.auth.adapters.postgres_audit_log import PostgresAuditLog
from functions.kernel import new_id
from functions.runtime.storage.database import Database
from knative.machine.postgres import PostgreSQL

AUDIT_ENTRIES, AUDIT_BATCH = 20, 500

OWNED: LiteralString = "(SELECT * FROM unnest(%(ids)s::uuid[], %(numbers)s::int[]) AS owned (id, n))"
"""The applications, with their number."""

DEPLOY: tuple[LiteralString, ...] = (
    f"""
    INSERT INTO releases (id, application_id, number, image, commit, kind, manifest, created_at)
    SELECT gen_random_uuid(), id, r, 'capsule.local/' || id || '@sha256:' || repeat('ab', 32), repeat('c', 40), 'procfile', '{{"kind": "Service"}}',
        now() - (21 - r) * interval '1.5 days' FROM {OWNED} AS a, generate_series(1, 20) AS r
    """,
    f"UPDATE applications SET release_count = 20 FROM {OWNED} AS a WHERE applications.id = a.id",
    f"""
    INSERT INTO environments (application_id, name, created_at, reserved_memory_mib)
    SELECT id, name, now() - interval '31 days', 512 FROM {OWNED} AS a, unnest(ARRAY['staging', 'production']) AS name
    ON CONFLICT (application_id, name) DO UPDATE SET reserved_memory_mib = 512
    """,
    f"""
    INSERT INTO deployments (id, application_id, environment, status, commit, release_id, url, correlation_id, requested_at, changed_at,
        finished_at, traffic_at, revision)
    SELECT gen_random_uuid(), application_id, CASE WHEN number %% 2 = 0 THEN 'production' ELSE 'staging' END, 'succeeded', commit,
        releases.id, 'http://staging.example.com', gen_random_uuid()::text, created_at, created_at,
        created_at + interval '20 seconds', created_at, 'web-' || number
    FROM releases JOIN {OWNED} AS a ON a.id = application_id
    """,
    f"""
    UPDATE deployments SET previous_id = (SELECT id FROM deployments AS former WHERE former.application_id = deployments.application_id
        AND former.environment = deployments.environment AND former.finished_at < deployments.finished_at ORDER BY finished_at DESC LIMIT 1)
    FROM {OWNED} AS a WHERE a.id = application_id
    """,
    f"""
    INSERT INTO saga_steps (saga_id, step, position, started_at, finished_at, attempts)
    SELECT deployments.id, step, position, requested_at, finished_at, 1 FROM deployments JOIN {OWNED} AS a ON a.id = application_id,
        unnest(ARRAY['requested', 'building', 'releasing', 'observing']) WITH ORDINALITY AS steps (step, position)
    """,
    f"""
    INSERT INTO runs (id, application_id, environment, release_id, command, memory_mib, cpu_millis, requested_at, finished_at, exit_code)
    SELECT gen_random_uuid(), application_id, 'production', releases.id, 'python manage.py migrate', 256, 500, created_at, created_at, 0
    FROM releases JOIN {OWNED} AS a ON a.id = application_id WHERE number > 10
    """,
    f"""
    INSERT INTO config_entries (application_id, scope, name, version, value, created_at)
    SELECT id, '', 'LOG_LEVEL', 1, 'info', now() FROM {OWNED} AS a
    """,
    f"""
    INSERT INTO domains (id, application_id, environment, host, token, created_at, verified_at, proof, redirects, checked_at, next_check_at,
        checks, is_pointed_here, issuer, failures, next_attempt_at)
    SELECT gen_random_uuid(), id, 'production', 'app-' || id || '.example.com', 'token', now(), now(), 'txt', false, now(), now() + interval '1 day',
        3, true, '', 0, now() + interval '60 days' FROM {OWNED} AS a
    """,
    f"""
    INSERT INTO schedules (id, application_id, environment, cron, time_zone, command, overlap, timeout_seconds, created_at, expected_at)
    SELECT gen_random_uuid(), id, 'production', '0 3 * * *', 'UTC', 'python nightly.py', 'forbid', 3600, now(), now() + interval '1 day'
    FROM {OWNED} AS a WHERE n %% 5 = 0
    """,
)

BILLING: tuple[LiteralString, ...] = (
    f"""
    INSERT INTO usage_hours (user_id, hour, application_id, environment, requests, cpu_milliseconds, cpu_until)
    SELECT %(user)s, hour, id, 'production', 10, 100, hour + interval '1 hour'
    FROM {OWNED} AS a, generate_series(date_trunc('hour', now()) - interval '30 days', now(), interval '1 hour') AS hour
    WHERE n %% 5 = 0 OR extract(hour FROM hour) IN (8, 17)
    """,
)

MONITOR: tuple[LiteralString, ...] = (
    f"INSERT INTO environments (application_id, name) SELECT id, 'preview' FROM {OWNED} AS a ON CONFLICT DO NOTHING",
    f"""
    INSERT INTO markers (deployment_id, kind, application_id, environment, at, reason)
    SELECT gen_random_uuid(), 'deployment-succeeded', id, 'production', now() - m * interval '1.5 days', ''
    FROM {OWNED} AS a, generate_series(1, 20) AS m
    """,
    f"""
    INSERT INTO alerts (id, application_id, rule_id, incident, kind, environment, state, summary, began_at, state_version, occurrences, fired_at,
        resolved_at, closed)
    SELECT gen_random_uuid(), id, gen_random_uuid(), 'deployment:' || gen_random_uuid(), 'deployment-failed', 'staging', 'resolved',
        'Deployment failed: the build ended with 1.', at, 2, 1, at, at + interval '1 hour', true
    FROM {OWNED} AS a, generate_series(now() - interval '30 days', now() - interval '3 days', interval '3 days') AS at
    """,
    f"""
    INSERT INTO alert_deliveries (id, application_id, target, notice, content, created_at, state, attempts, answer, finished_at)
    SELECT gen_random_uuid(), id, 'ada@example.com', 'firing',
        jsonb_build_object('type', 'alert.fired', 'timestamp', at, 'applicationId', id, 'application', 'listed', 'alerts', '[]'::jsonb),
        at, 'delivered', 1, '250 OK', at
    FROM {OWNED} AS a, generate_series(now() - interval '27 days', now() - interval '3 days', interval '3 days') AS at
    """,
    f"""
    INSERT INTO alert_rules (id, application_id, kind, environment, threshold, window_length, pending_period, min_requests, preset, created_at,
        no_data)
    SELECT gen_random_uuid(), id, 'latency', 'production', 500, '5 minutes', '0', 10, false, now() - interval '30 days', no_data
    FROM {OWNED} AS a, unnest(ARRAY['keep', 'fire']) AS no_data WHERE no_data = 'keep' OR n %% 5 = 0
    """,
    *(
        f"""
        INSERT INTO request_{table} (at, {until} application_id, environment, revision, status, requests, duration_ms, buckets, counts)
        SELECT at, {value} id, 'production', 'web-20', 200, 10, 120, '{{10,11}}', '{{6,4}}'
        FROM {OWNED} AS a, generate_series({since}, now(), {step}) AS at WHERE n %% 5 = 0
        """
        for table, until, value, since, step in (
            ("hours", "", "", "date_trunc('hour', now()) - interval '30 days'", "interval '1 hour'"),
            ("minutes", "", "", "date_trunc('minute', now()) - interval '1 day'", "interval '1 minute'"),
            ("windows", "until,", "at + interval '10 seconds',", "now() - interval '1 hour'", "interval '10 seconds'"),
        )
    ),
    *(
        f"""
        INSERT INTO resource_{table} (at, {until} application_id, environment, component, service, {pod} cpu_ms, memory_max, memory_byte_seconds,
            instance_seconds)
        SELECT at, {value} id, 'production', 'run', 'web', {of_pod} 20, 50000000, 3e9, 60
        FROM {OWNED} AS a, generate_series({since}, now(), {step}) AS at WHERE n %% 5 = 0
        """
        for table, until, value, pod, of_pod, since, step in (
            ("hours", "", "", "", "", "date_trunc('hour', now()) - interval '30 days'", "interval '1 hour'"),
            ("minutes", "", "", "", "", "date_trunc('minute', now()) - interval '1 day'", "interval '1 minute'"),
            ("windows", "until,", "at + interval '1 minute',", "pod,", "'web-20-deployment-0',", "now() - interval '1 day'", "interval '1 minute'"),
        )
    ),
)


@dataclass(frozen=True, slots=True)
class History:
    """Adds rows for applications of one user to the databases of an installation."""

    postgres: PostgreSQL
    user_id: UUID

    def add(self, applications: Sequence[UUID], first_number: int) -> None:
        """`first_number`: of the first of them; numbers decide which is busy. Ends with VACUUM ANALYZE, as autovacuum would in a month."""
        values = {"ids": list(applications), "numbers": [first_number + each for each in range(len(applications))], "user": self.user_id}
        for context, statements in (("deploy", DEPLOY), ("billing", BILLING), ("monitor", MONITOR)):
            with psycopg.connect(self.postgres.database(context).functions_url) as connection:
                for statement in statements:
                    connection.execute(statement, values)
        asyncio.run(self._audit(applications))
        for context in ("deploy", "billing", "monitor", "auth"):
            with self.postgres.superuser(context) as connection:
                connection.execute("VACUUM ANALYZE")

    async def _audit(self, applications: Sequence[UUID]) -> None:
        now = datetime.now(UTC)
        records = [
            AuditRecord(
                id=new_id(), at=now - timedelta(seconds=number), function="deploy.start_deployment", actor=ActorKind.SESSION, user_id=self.user_id,
                session_id=new_id(), target=f"apps/{application}", outcome="done", reason=None, before=None, after={"environment": "staging"},
                is_personal=False,
                address="127.0.0.1", user_agent="bench", correlation_id=str(new_id()),
            )
            for application in applications
            for number in range(AUDIT_ENTRIES)
        ]  # fmt: skip
        database = Database(self.postgres.database("auth").functions_url)
        try:
            for first in range(0, len(records), AUDIT_BATCH):
                async with database.transaction():
                    await PostgresAuditLog(database).append(records[first : first + AUDIT_BATCH])
        finally:
            await database.close()
