"""Inspections as real Jobs on the one-machine Knative: what the adapter reads, and that nothing stays."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

from functions.deploy.adapters.kubernetes import KubernetesCluster
from functions.deploy.domain.application_settings import ApplicationSettings
from functions.deploy.domain.build_secret import BuildSecret
from functions.deploy.domain.inspection import Inspected, Inspection, Outcome
from functions.deploy.domain.inspection_job import inspection_job
from functions.deploy.domain.observation import BuildJobFailed
from functions.deploy.domain.repository import Repository
from functions.deploy.domain.tenancy import tenancy
from tests.builder.repositories import Repositories
from tests.deploy.deploy_capsule import TEMPLATE
from tests.knative.machine import Machine, until
from tests.proof import proof

pytestmark = proof("repositories")

FILES = {
    "services/api/requirements.txt": "flask==3.1.2\n",
    "services/api/app.py": "from flask import Flask\napp = Flask(__name__)\nopen('/tmp/ran', 'w')\n",
    "services/api/.python-version": "3.12\n",
    "services/api/.env.example": "DATABASE_URL=postgres://localhost/x\n",
    "README.md": "Two applications.",
}


async def inspect(knative: KubernetesCluster, repositories: Repositories, url: str, **settings: str) -> tuple[Outcome, Inspection]:
    inspection, _ = Inspection.request(Repository.parse(url), ApplicationSettings.of(**settings), team_id=uuid4(), token=None, at=datetime.now(UTC))
    secret = BuildSecret()
    job = inspection_job(inspection, TEMPLATE, {"REPOSITORY_HOSTS": repositories.host}, secret)
    await knative.apply(*tenancy(inspection.name, inspection.id))
    await knative.apply_owned(job, secret.manifest(job))
    async with asyncio.timeout(120):
        while True:
            if outcome := await knative.observe_inspection(inspection.namespace, inspection.name):
                return outcome, inspection
            await asyncio.sleep(0.2)


async def test_a_repository_is_planned_and_its_namespace_goes(machine: Machine, knative: KubernetesCluster, repositories: Repositories) -> None:
    repository = repositories.create("two")
    commit = repository.commit(FILES)
    outcome, inspection = await inspect(knative, repositories, repository.url, directory="services/api")
    assert isinstance(outcome, Inspected), outcome
    plan = outcome.plan
    assert (outcome.commit, plan.kind, plan.directory) == (commit, "python", "services/api")
    assert plan.toolchains[0].source.endswith(".python-version") and "app:app" in plan.start
    assert [each.name for each in plan.variables] == ["DATABASE_URL"]
    [pod] = machine.core.list_namespaced_pod(inspection.namespace).items
    assert [each.name for each in pod.spec.containers] == ["plan"] and pod.status.phase == "Succeeded"
    await knative.delete_namespace(inspection.namespace, inspection.id)
    assert await knative.observe_inspection(inspection.namespace, inspection.name) is None
    until(lambda: inspection.namespace not in {each.metadata.name for each in machine.core.list_namespace().items})


async def test_why_there_is_no_plan_is_that_of_a_build(knative: KubernetesCluster, repositories: Repositories) -> None:
    repository = repositories.create("docs")
    repository.commit({"README.md": "nothing to run"})
    for settings, reason in (({}, "not-recognized"), ({"branch": "nowhere"}, "ref-not-found")):
        outcome, _ = await inspect(knative, repositories, repository.url, **settings)
        assert isinstance(outcome, BuildJobFailed) and outcome.reason == reason, outcome
