"""Rules, alerts and addresses in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from psycopg.sql import SQL, Composable, Identifier, Placeholder

from functions.monitor.domain.alerts import Alert, Notice, State
from functions.monitor.domain.rules import NoData, Rule, RuleKind, presets
from functions.runtime.storage.database import Database

INCIDENT = 4
"""First key of the advisory locks on incidents."""

RULE = "id, application_id, kind, created_at, environment, threshold, window_length, pending_period, min_requests, preset, no_data"
RULE_COLUMNS = RULE.split(", ")
RULE_VALUES = "%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s"
COLUMNS = [field.name for field in fields(Alert)]
ALERT = SQL(", ").join(Identifier(name) for name in COLUMNS)
UPSERT = SQL("INSERT INTO alerts ({}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}").format(
    ALERT,
    SQL(", ").join(Placeholder(name) for name in COLUMNS),
    SQL(", ").join(SQL("{0} = excluded.{0}").format(Identifier(name)) for name in COLUMNS if name != "id"),
)
BATCH_SIZE = 10_000


class PostgresAddresses:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, user_id: UUID, email: str, at: datetime) -> None:
        await self._database.connection.execute(
            """
            INSERT INTO addresses AS known (user_id, email, updated_at)
            SELECT %(user)s, %(email)s, %(at)s WHERE NOT EXISTS (SELECT FROM deleted_users WHERE user_id = %(user)s)
            ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, updated_at = excluded.updated_at WHERE known.updated_at < excluded.updated_at
            """,
            {"user": user_id, "email": email, "at": at},
        )

    async def of(self, user_id: UUID) -> str | None:
        row = await (await self._database.connection.execute("SELECT email FROM addresses WHERE user_id = %s", (user_id,))).fetchone()
        return str(row[0]) if row else None


class PostgresRules:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_missing_presets(self, rules: Collection[Rule]) -> None:
        """Sent with the next statement: nothing in it could fail."""
        if not rules:
            return
        rows = [dict(zip(RULE_COLUMNS, _row(each), strict=True)) for each in rules]
        self._database.connection.queue(
            f"""
            INSERT INTO alert_rules ({RULE}) SELECT {RULE} FROM json_to_recordset(%s) AS presets (
                id uuid, application_id uuid, kind text, created_at timestamptz, environment text, threshold double precision,
                window_length interval, pending_period interval, min_requests bigint, preset boolean, no_data text
            ) ORDER BY application_id, kind
            ON CONFLICT DO NOTHING
            """,
            (orjson.dumps(rows, default=_seconds).decode(),),
        )

    async def add(self, rule: Rule) -> None:
        await self._database.connection.execute(f"INSERT INTO alert_rules ({RULE}) VALUES ({RULE_VALUES})", _row(rule))

    async def get(self, rule_id: UUID) -> Rule | None:
        found = await self._read(SQL("id = %(id)s"), {"id": rule_id})
        return found[0] if found else None

    async def of(self, application_ids: Collection[UUID], kinds: Collection[RuleKind] = tuple(RuleKind)) -> Sequence[Rule]:
        parameters = {"applications": list(application_ids), "kinds": [str(kind) for kind in kinds]}
        stored = await self._read(SQL("application_id = ANY(%(applications)s) AND kind = ANY(%(kinds)s)"), parameters)
        return sorted([*stored, *await self._presets(application_ids, kinds)], key=lambda rule: (rule.created_at, rule.kind, rule.id))

    async def _presets(self, application_ids: Collection[UUID], kinds: Collection[RuleKind]) -> list[Rule]:
        """Presets that are not stored."""
        rows = await self._database.connection.execute(
            """
            SELECT id, created_at, ARRAY(SELECT kind FROM alert_rules WHERE application_id = applications.id AND preset)
            FROM applications WHERE id = ANY(%s) AND created_at IS NOT NULL
            """,
            (list(application_ids),),
        )
        return [
            rule
            for application_id, created_at, stored in await rows.fetchall()
            for rule in presets(application_id, created_at)
            if rule.kind in kinds and rule.kind not in stored
        ]

    async def firing_without_data(self) -> Sequence[Rule]:
        return await self._read(SQL("no_data = 'fire'"), {})

    async def _read(self, condition: SQL, parameters: Mapping[str, object]) -> list[Rule]:
        query = SQL("SELECT {} FROM alert_rules WHERE deleted_at IS NULL AND {} ORDER BY created_at, id").format(SQL(RULE), condition)
        rows = await (await self._database.connection.execute(query, parameters)).fetchall()
        return [Rule(*(id, application, RuleKind(kind), *rest, NoData(no_data))) for id, application, kind, *rest, no_data in rows]

    async def delete(self, rule_id: UUID, at: datetime) -> None:
        await self._database.connection.execute("UPDATE alert_rules SET deleted_at = %s WHERE id = %s AND deleted_at IS NULL", (at, rule_id))


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds()} seconds"


def _row(rule: Rule) -> tuple[Any, ...]:
    return (
        rule.id,
        rule.application_id,
        rule.kind,
        rule.created_at,
        rule.environment,
        rule.threshold,
        rule.window,
        rule.pending_period,
        rule.min_requests,
        rule.preset,
        rule.no_data,
    )


class PostgresAlerts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def lock(self, incidents: Collection[str]) -> Mapping[str, Alert]:
        """Always in the same order, so that two holders of several cannot wait for each other."""
        await self._database.connection.execute(
            "SELECT pg_advisory_xact_lock(%s, key) FROM (SELECT DISTINCT hashtext(each) AS key FROM unnest(%s::text[]) AS each ORDER BY key) keys",
            (INCIDENT, list(incidents)),
        )
        found = await self._read(SQL("incident = ANY(%(incidents)s) AND NOT closed ORDER BY id FOR UPDATE"), {"incidents": list(incidents)})
        return {alert.incident: alert for alert in found}

    async def open(self, incidents: Collection[str]) -> Mapping[str, Alert]:
        found = await self._read(SQL("incident = ANY(%(incidents)s) AND NOT closed"), {"incidents": list(incidents)})
        return {alert.incident: alert for alert in found}

    async def open_of(self, application_id: UUID) -> Sequence[Alert]:
        return await self._read(SQL("application_id = %(id)s AND NOT closed ORDER BY id FOR UPDATE"), {"id": application_id})

    async def of_deployment(self, deployment_id: UUID) -> Alert | None:
        found = await self._read(SQL("incident = 'deployment:' || %(id)s ORDER BY id LIMIT 1 FOR UPDATE"), {"id": str(deployment_id)})
        return found[0] if found else None

    async def get(self, alert_id: UUID) -> Alert | None:
        found = await self._read(SQL("id = %(id)s"), {"id": alert_id})
        return found[0] if found else None

    async def lock_one(self, alert_id: UUID) -> Alert | None:
        found = await self._read(SQL("id = %(id)s FOR UPDATE"), {"id": alert_id})
        return found[0] if found else None

    async def save(self, alert: Alert) -> None:
        await self._database.connection.execute(UPSERT, {name: getattr(alert, name) for name in COLUMNS})

    async def page(self, application_ids: Collection[UUID], states: Collection[str], before: UUID | None, limit: int) -> Sequence[Alert]:
        return await self._page(SQL("application_id = ANY(%(applications)s)"), {"applications": list(application_ids)}, states, before, limit)

    async def page_of_teams(
        self, team_ids: Collection[UUID], others: Collection[UUID], states: Collection[str], before: UUID | None, limit: int
    ) -> Sequence[Alert]:
        owned = SQL("(application_id = ANY(%(others)s) OR application_id IN (SELECT id FROM applications WHERE user_id = ANY(%(teams)s)))")
        return await self._page(owned, {"teams": list(team_ids), "others": list(others)}, states, before, limit)

    async def _page(
        self, owned: Composable, arguments: Mapping[str, object], states: Collection[str], before: UUID | None, limit: int
    ) -> Sequence[Alert]:
        is_open = SQL("AND NOT closed") if State.RESOLVED not in states else SQL("")  # as a constraint says; has an index of its own
        condition = SQL(
            "{} AND state = ANY(%(states)s) AND (fired_at IS NOT NULL OR state = 'pending')"
            " AND (%(before)s::uuid IS NULL OR id < %(before)s) {} ORDER BY id DESC LIMIT %(limit)s"
        ).format(owned, is_open)
        return await self._read(condition, {**arguments, "states": [*states], "before": before, "limit": limit})

    async def end_incident(self, incident: str, at: datetime) -> None:
        await self._database.connection.execute("INSERT INTO ended_incidents (incident, at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (incident, at))

    async def restore_incident(self, incident: str) -> None:
        await self._database.connection.execute("DELETE FROM ended_incidents WHERE incident = %s", (incident,))

    async def has_ended(self, incident: str) -> bool:
        found = await self._database.connection.execute("SELECT 1 FROM ended_incidents WHERE incident = %s", (incident,))
        return await found.fetchone() is not None

    async def forget(self, before: datetime) -> int:
        await self._database.connection.execute("DELETE FROM ended_incidents WHERE at < %s", (before,))
        deleted = await self._database.connection.execute(
            "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE closed AND resolved_at < %s LIMIT %s)", (before, BATCH_SIZE)
        )
        return deleted.rowcount

    async def _read(self, condition: Composable, parameters: Mapping[str, object]) -> list[Alert]:
        rows = await (await self._database.connection.execute(SQL("SELECT {} FROM alerts WHERE {}").format(ALERT, condition), parameters)).fetchall()
        return [_alert(dict(zip(COLUMNS, row, strict=True))) for row in rows]


def _alert(row: dict[str, Any]) -> Alert:
    row.update(kind=RuleKind(row["kind"]), state=State(row["state"]), last_notice=Notice(row["last_notice"]) if row["last_notice"] else None)
    return Alert(**row)
