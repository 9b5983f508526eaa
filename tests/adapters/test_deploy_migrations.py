"""Rows of the previous schema of the deploy context are read after its migrations."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg

from functions.deploy.adapters.postgres_applications import PostgresApplications
from functions.deploy.adapters.postgres_deployments import PostgresDeployments, PostgresReleases
from functions.deploy.adapters.postgres_environments import PostgresConfigurations, PostgresEnvironments
from functions.deploy.adapters.postgres_quotas import PostgresQuotas
from functions.deploy.adapters.postgres_runs import PostgresRuns
from functions.deploy.domain.configuration import Entry
from functions.deploy.domain.environment import Size, Terms
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.run import RunStreams
from functions.deploy.domain.standing import Restriction
from functions.runtime.storage.database import Database
from knative.machine.migrations import migrate
from tests.adapters.former_schema import former_database
from tests.servers import Databases

CREATED_AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
IMAGE = "capsule.local/apps/hello@sha256:" + "a" * 64


async def test_renamed_columns_keep_their_values(postgres: Databases, tmp_path: Path) -> None:
    database, user, application, release, deployment = former_database(postgres, tmp_path, "deploy", 7), uuid4(), uuid4(), uuid4(), uuid4()
    terms = json.dumps({"size": {"memory_mib": 128}, "config_version": 2, "until_ready_seconds": 60})
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("INSERT INTO quotas (user_id, applications, memory_mib, granted_at) VALUES (%s, 5, 1024, %s)", (user, CREATED_AT))
        connection.execute(
            "INSERT INTO applications (id, user_id, name, repository, releases, created_at) VALUES (%s, %s, 'hello', 'https://x/y.git', 1, %s)",
            (application, user, CREATED_AT),
        )
        connection.execute(
            "INSERT INTO environments (application_id, name, created_at, memory_taken_mib) VALUES (%s, 'staging', %s, 512)",
            (application, CREATED_AT),
        )
        connection.execute(
            "INSERT INTO config_entries (application_id, scope, name, since, until, value, at) VALUES"
            " (%(id)s, '', 'MODE', 1, 2, 'old', %(at)s), (%(id)s, '', 'MODE', 2, NULL, 'new', %(at)s)",
            {"id": application, "at": CREATED_AT},
        )
        connection.execute(
            "INSERT INTO releases (id, application_id, number, image, commit, kind, manifest, command, created_at)"
            " VALUES (%s, %s, 1, %s, %s, 'python', '{}', 'migrate', %s)",
            (release, application, IMAGE, "c" * 40, CREATED_AT),
        )
        connection.execute(
            "INSERT INTO deployments (id, application_id, environment, status, release_id, terms, requests, errors, correlation_id, requested_at,"
            " changed_at, look_at) VALUES (%s, %s, 'staging', 'observing', %s, %s, 7, 1, 'c', %s, %s, %s)",
            (deployment, application, release, terms, CREATED_AT, CREATED_AT, CREATED_AT),
        )
    migrate(database.owner_url, "deploy")

    store = Database(database.functions_url)
    try:
        async with store.transaction():
            assert await PostgresQuotas(store).find(user) == Quota(user, 5, 1024, CREATED_AT, 0, 512)
            configurations = PostgresConfigurations(store)
            assert await configurations.at(application, 1) == [Entry("", "MODE", 1, CREATED_AT, "old")]
            assert await configurations.at(application, 2) == [Entry("", "MODE", 2, CREATED_AT, "new")]
            releases = PostgresReleases(store)
            stored_release = await releases.get(release)
            assert stored_release.release_command == "migrate"
            second = await releases.add(stored_release.with_configuration(2, CREATED_AT))
            assert second.number == 2
            deployments = PostgresDeployments(store)
            assert (await deployments.get(deployment)).terms == Terms(
                Size(memory_mib=128), config_version=2, ready_timeout_seconds=60, repository="https://x/y.git"
            )
            assert await deployments.add_traffic(deployment, 3, 0) == (10, 1)
            assert (await PostgresApplications(store).get_any(application)).name == "hello"
    finally:
        await store.close()


async def test_a_suspended_account_of_before_keeps_its_suspension_and_gets_the_rest_from_the_next_event(postgres: Databases, tmp_path: Path) -> None:
    database, user, application = former_database(postgres, tmp_path, "deploy", 16), uuid4(), uuid4()
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO quotas (user_id, applications, memory_mib, granted_at, is_suspended) VALUES (%s, 5, 1024, %s, true)", (user, CREATED_AT)
        )
        connection.execute(
            "INSERT INTO applications (id, user_id, name, repository, created_at) VALUES (%s, %s, 'hello', 'https://x/y.git', %s)",
            (application, user, CREATED_AT),
        )
        connection.execute("INSERT INTO environments (application_id, name, created_at) VALUES (%s, 'staging', %s)", (application, CREATED_AT))
    migrate(database.owner_url, "deploy")

    store = Database(database.functions_url)
    try:
        async with store.transaction():
            quota = await PostgresQuotas(store).find(user)
            assert quota == Quota(user, 5, 1024, CREATED_AT, is_suspended=True)
            assert quota.restriction is Restriction.SUSPENDED
            environment = await PostgresEnvironments(store).find(application, "staging")
            assert environment is not None and not environment.runs_nothing
    finally:
        await store.close()


async def test_former_runs_are_logged_runs(postgres: Databases, tmp_path: Path) -> None:
    database, application, release, run = former_database(postgres, tmp_path, "deploy", 18), uuid4(), uuid4(), uuid4()
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO applications (id, user_id, name, repository, release_count, created_at) VALUES (%s, %s, 'hello', 'https://x/y.git', 1, %s)",
            (application, uuid4(), CREATED_AT),
        )
        connection.execute(
            "INSERT INTO releases (id, application_id, number, image, commit, kind, manifest, created_at)"
            " VALUES (%s, %s, 1, %s, %s, 'python', '{}', %s)",
            (release, application, IMAGE, "c" * 40, CREATED_AT),
        )
        connection.execute(
            "INSERT INTO runs (id, application_id, environment, release_id, command, memory_mib, cpu_millis, requested_at)"
            " VALUES (%s, %s, 'staging', %s, 'true', 128, 100, %s)",
            (run, application, release, CREATED_AT),
        )
    migrate(database.owner_url, "deploy")
    store = Database(database.functions_url, 1)
    async with store.transaction():
        found = await PostgresRuns(store).get(application, run)
    await store.close()
    assert (found.streams, found.attached_at) == (RunStreams.LOGGED, None)
