"""The stores of auth for their contracts; a one-machine Knative for the tests of the deploy context's adapter, and builds in it."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from functions.deploy.adapters.kubernetes import KubernetesCluster
from functions.deploy.domain.observation import Observation
from functions.runtime.config.settings import Settings
from functions.runtime.storage import pools
from tests.adapters.auth_stores import Stores, in_memory, in_postgres
from tests.adapters.deploy_applications import App, wait_for_outcome
from tests.builder.conftest import INHERITED
from tests.builder.repositories import Repositories, serving
from tests.deploy.account import give_account
from tests.knative.machine import Machine
from tests.servers import POOLER_PORT, Databases, free_offset

if os.environ.get(POOLER_PORT):  # as CAPSULE_PREPARED_STATEMENTS=off does for a process
    pools.PREPARE_AFTER_EXECUTIONS = None


@pytest.fixture(scope="module")
def auth_url(postgres: Databases) -> str:
    return postgres.database("auth").functions_url


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    """The stores of auth, on memory and on PostgreSQL."""
    if request.param == "memory":
        yield in_memory()
        return
    async with in_postgres(request.getfixturevalue("auth_url")) as stores:
        yield stores


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    found = Machine(tmp_path_factory.mktemp("machine"), free_offset())
    found.start()
    yield found
    assert found.stop() == 0, found.log
    assert "Traceback" not in found.log, found.log


def cluster_with(kubeconfig: Path) -> KubernetesCluster:
    return KubernetesCluster(Settings({"KUBECONFIG": str(kubeconfig)}))


@pytest.fixture(scope="session")
def account(machine: Machine) -> Path:
    """The kubeconfig of the deploy context's service account, with its production permissions and policies."""
    found = machine.home / "deploy-kubeconfig"
    give_account(machine.api, machine.home / "kubeconfig", found)
    return found


@pytest.fixture
def knative(account: Path) -> KubernetesCluster:
    return cluster_with(account)


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[Repositories]:
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
async def build(knative: KubernetesCluster, repositories: Repositories) -> AsyncIterator[Any]:
    """A function that commits files, builds them in a Job and returns the observation and the commit."""
    inherited = {name: os.environ[name] for name in INHERITED} | {"BUILD_ENVIRONMENT": " ".join(INHERITED)}

    async def build_files(app: App, files: dict[str, str]) -> tuple[Observation, str]:
        repository, deployment = repositories.create(f"r{uuid4().hex[:6]}"), uuid4()
        commit = repository.commit(files)
        job = app.job(deployment, REPOSITORY=repository.url, REPOSITORY_HOSTS=repositories.host, **inherited)
        await knative.apply(*app.tenancy, job)
        return await wait_for_outcome(knative, app.watched("Job", deployment)), commit

    yield build_files
