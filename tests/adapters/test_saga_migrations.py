"""A database of the release before there were sagas, with rows in it, is migrated: what ran goes on as a saga, what has ended keeps its steps."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from uuid import uuid4

import psycopg

from events.auth import CustomerRequested
from functions.auth.domain.registration import Stage
from functions.deploy.adapters.postgres_deployments import PostgresDeployments
from functions.deploy.domain.deployment import Status
from functions.runtime.storage.database import Database
from knative.machine.migrations import FOLDER, migrate, migrations, version_of
from tests.adapters.auth_stores import HASH, in_postgres
from tests.servers import Databases

THEN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SINCE = {"shared": (0, 2), "auth": (6,), "deploy": (5,)}


def before(folder: Path, context: str) -> Path:
    """The migrations as they were."""
    for kind in ("shared", context):
        newer = {f"{each.id}.sql" for each in migrations(context) if version_of(each.id) >= SINCE[kind]}
        copytree(FOLDER / kind, folder / kind, ignore=lambda _, names, newer=newer: newer.intersection(names))
    return folder


async def test_users_without_a_registration_get_a_stuck_one(postgres: Databases, tmp_path: Path) -> None:
    database, user = postgres.empty("auth"), uuid4()
    migrate(database.owner_url, "auth", before(tmp_path, "auth"))
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO users (id, email, password_hash, created_at, updated_at) VALUES (%s, 'ada@example.org', %s, %s, %s)",
            (user, HASH, THEN, THEN),
        )
    applied = migrate(database.owner_url, "auth")
    assert {"V0_2__create_saga_steps.sql", "V6__create_registrations_table.sql"} <= set(applied)

    async with in_postgres(database.functions_url) as stores, stores.transaction():
        (stuck,) = await stores.registrations.list_stuck(datetime.now(UTC) + timedelta(seconds=1), 10)
        registration = await stores.registrations.lock(user)
        assert registration is not None and stuck.id == user
        assert (registration.status, registration.email, [step.step for step in registration.steps]) == (
            Stage.CUSTOMER,
            "ada@example.org",
            ["user", "customer"],
        )
        assert not registration.has_expired(datetime.now(UTC) + timedelta(days=29)), "registrations are resumed in batches"
        messages = registration.expire(datetime.now(UTC))
        assert isinstance(messages[0], CustomerRequested)
        await stores.registrations.save(registration)


async def test_deployments_keep_their_steps_and_running_ones_are_looked_at(postgres: Databases, tmp_path: Path) -> None:
    database, application = postgres.empty("deploy"), uuid4()
    running, failed = uuid4(), uuid4()
    migrate(database.owner_url, "deploy", before(tmp_path, "deploy"))
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO applications (id, user_id, name, repository, status, created_at) VALUES (%s, %s, 'hello', 'https://x/y.git', 'active', %s)",
            (application, uuid4(), THEN),
        )
        for id, status, reason, over in ((running, "building", None, None), (failed, "failed", "build-failed", THEN)):
            connection.execute(
                "INSERT INTO deployments (id, application_id, environment, status, reason, detail, correlation_id, requested_at, changed_at,"
                " finished_at) VALUES (%s, %s, 'staging', %s, %s, %s, 'c', %s, %s, %s)",
                (id, application, status, reason, reason, THEN, THEN, over),
            )
            for step in ("building", "requested"):
                connection.execute("INSERT INTO deployment_steps VALUES (%s, %s, %s, %s)", (id, step, THEN, over))
    migrate(database.owner_url, "deploy")

    store = Database(database.functions_url)
    deployments = PostgresDeployments(store)
    try:
        async with store.transaction():
            (stuck,) = await deployments.list_stuck(datetime.now(UTC), 10)
            assert stuck.id == running
            for id in (running, failed):
                deployment = await deployments.get(id)
                assert [(line.step, line.attempts) for line in deployment.steps] == [("requested", 1), ("building", 1)]
            going_on = await deployments.lock(running)
            going_on.fail("build-failed", "no", datetime.now(UTC))
            await deployments.save(going_on)
            assert (await deployments.get(running)).status is Status.FAILED
    finally:
        await store.close()
