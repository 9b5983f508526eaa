"""Rows of the previous schema of the deploy context are read after its migrations."""

import json
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from uuid import uuid4

import psycopg

from functions.deploy.adapters.postgres_applications import PostgresApplications
from functions.deploy.adapters.postgres_deployments import PostgresDeployments, PostgresReleases
from functions.deploy.adapters.postgres_environments import PostgresConfigurations, PostgresEnvironments
from functions.deploy.adapters.postgres_quotas import PostgresQuotas
from functions.deploy.domain.configuration import Entry
from functions.deploy.domain.environment import Size, Terms
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.standing import Restriction
from functions.runtime.storage.database import Database
from knative.machine.migrations import FOLDER, migrate, migrations, version_of
from tests.servers import Databases

CREATED_AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
IMAGE = "capsule.local/apps/hello@sha256:" + "a" * 64


def schema_before(folder: Path, version: int) -> Path:
    """Copy the migrations up to this version of the deploy context."""
    newer = {f"{each.id}.sql" for each in migrations("deploy") if version_of(each.id) >= (version,)}
    copytree(FOLDER / "shared", folder / "shared")
    copytree(FOLDER / "deploy", folder / "deploy", ignore=lambda _, names: newer.intersection(names))
    return folder


async def test_renamed_columns_keep_their_values(postgres: Databases, tmp_path: Path) -> None:
    database, user, application, release, deployment = postgres.empty("deploy"), uuid4(), uuid4(), uuid4(), uuid4()
    migrate(database.owner_url, "deploy", schema_before(tmp_path, 7))
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
            assert (await PostgresApplications(store).get(application)).name == "hello"
    finally:
        await store.close()


async def test_a_suspended_account_of_before_keeps_its_suspension_and_gets_the_rest_from_the_next_event(postgres: Databases, tmp_path: Path) -> None:
    database, user, application = postgres.empty("deploy"), uuid4(), uuid4()
    migrate(database.owner_url, "deploy", schema_before(tmp_path, 16))
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
