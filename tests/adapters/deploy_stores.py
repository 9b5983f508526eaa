"""The deploy context's stores in memory and in PostgreSQL, and rows for them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.deploy.adapters.postgres_applications import PostgresApplications
from functions.deploy.adapters.postgres_deployments import PostgresDeployments, PostgresReleases
from functions.deploy.adapters.postgres_environments import PostgresConfigurations, PostgresEnvironments
from functions.deploy.adapters.postgres_inspections import PostgresInspections
from functions.deploy.adapters.postgres_process_scalings import PostgresProcessScalings
from functions.deploy.adapters.postgres_quotas import PostgresQuotas
from functions.deploy.adapters.postgres_runs import PostgresRuns
from functions.deploy.adapters.postgres_schedules import PostgresSchedules
from functions.deploy.domain.application import Application
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Terms
from functions.deploy.domain.names import STAGING, ApplicationName
from functions.deploy.domain.observation import BuildJobSucceeded
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.repository import Repository
from functions.deploy.ports import (
    Applications,
    Configurations,
    Deployments,
    Environments,
    Inspections,
    ProcessScalings,
    Quotas,
    Releases,
    Runs,
    Schedules,
)
from functions.deploy.services.transitions import apply_observation
from functions.runtime.storage.database import Database
from tests.memory import deploy as memory
from tests.memory import deploy_releases
from tests.memory.deploy_inspections import MemoryInspections
from tests.memory.deploy_process_scalings import MemoryProcessScalings
from tests.memory.deploy_runs import MemoryRuns
from tests.memory.deploy_schedules import MemorySchedules
from tests.servers import Databases

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REPOSITORY = Repository.parse("https://git.example.com/ada/hello.git")
BUILT = BuildJobSucceeded("capsule.local/apps/hello@sha256:" + "a" * 64, "c" * 40, "python")


@dataclass
class Stores:
    quotas: Quotas
    applications: Applications
    releases: Releases
    deployments: Deployments
    environments: Environments
    configurations: Configurations
    runs: Runs
    inspections: Inspections
    schedules: Schedules
    scalings: ProcessScalings
    database: Database | None = None

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        return self.database.transaction() if self.database else no_transaction()


@asynccontextmanager
async def no_transaction() -> AsyncIterator[None]:
    yield


def on_postgres(database: Database) -> Stores:
    return Stores(
        PostgresQuotas(database),
        PostgresApplications(database),
        PostgresReleases(database),
        PostgresDeployments(database),
        PostgresEnvironments(database),
        PostgresConfigurations(database),
        PostgresRuns(database),
        PostgresInspections(database),
        PostgresSchedules(database),
        PostgresProcessScalings(database),
        database,
    )


def in_memory() -> Stores:
    quotas = memory.MemoryQuotas()
    applications = memory.MemoryApplications(quotas)
    return Stores(
        quotas,
        applications,
        deploy_releases.MemoryReleases(),
        deploy_releases.MemoryDeployments(),
        memory.MemoryEnvironments(),
        memory.MemoryConfigurations(),
        MemoryRuns(applications),
        MemoryInspections(),
        MemorySchedules(applications),
        MemoryProcessScalings(),
    )


@pytest.fixture(scope="module")
def url(postgres: Databases) -> Iterator[str]:
    yield postgres.database("deploy").functions_url


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    if request.param == "memory":
        yield in_memory()
        return
    database = Database(request.getfixturevalue("url"))
    yield on_postgres(database)
    await database.close()


def new_application(owner: UUID | None = None, name: str = "") -> Application:
    application, _ = Application.create(ApplicationName(name or f"a{uuid4().hex[:12]}"), REPOSITORY, owner=owner or uuid4(), at=NOW)
    return application


async def add_application(stores: Stores, owner: UUID | None = None) -> Application:
    application = new_application(owner)
    async with stores.transaction():
        await stores.applications.add([(application, Quota.default(application.user_id, NOW))])
    return application


async def add_deployment(stores: Stores, application: Application, environment: str = STAGING, at: datetime = NOW) -> Deployment:
    deployment, _ = Deployment.request(application, environment, None, Terms(), None, correlation_id="c-1", at=at)
    async with stores.transaction():
        await stores.deployments.add(deployment)
    return deployment


async def observe(stores: Stores, deployment: Deployment, *observations: Any, at: datetime = NOW) -> Deployment:
    """Apply observations to a stored deployment, each in its own transaction."""
    for each in observations:
        async with stores.transaction():
            locked = await stores.deployments.lock(deployment.id)
            await apply_observation(locked, locked.watched_object, each, stores.releases, stores.quotas, at)
            await stores.deployments.save(locked)
    async with stores.transaction():
        return await stores.deployments.get(deployment.id)
