"""The cluster's port: one suite over memory and over the one-machine Knative through the official client, and what only the client can meet."""

import asyncio
import re
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from functions.deploy.adapters.kubernetes import KubernetesCluster
from functions.deploy.domain import manifests
from functions.deploy.domain.names import job_of, namespace_of, secret_of, service_of
from functions.deploy.domain.observation import Gone
from functions.deploy.domain.tenancy import tenancy
from functions.deploy.ports import Cluster, ClusterRefused, ClusterUnavailable
from functions.runtime.config.settings import Settings
from functions.runtime.storage.database import Database
from functions.runtime.storage.external_call import CalledInsideTransaction
from tests.adapters.deploy_applications import App
from tests.knative.machine import Machine
from tests.memory.deploy_cluster import MemoryCluster


@pytest.fixture(params=["memory", "knative"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    if request.param == "memory":
        return MemoryCluster()
    found: Cluster = request.getfixturevalue("knative")
    return found


# -- one suite --------------------------------------------------------------------------------------------------------


async def test_what_is_not_there_is_gone(cluster: Cluster) -> None:
    app, deployment = App(), uuid4()
    for kind in ("Job", "Service"):
        assert await cluster.observe(app.awaited(kind, deployment)) == Gone()
    await cluster.remove_job(namespace_of(app.name), "none")
    await cluster.remove_namespace(namespace_of(app.name), app.id)
    await cluster.replace_service(app.awaited("Service", deployment), app.service(deployment))
    assert await cluster.observe(app.awaited("Service", deployment)) == Gone()


async def test_applying_twice_is_applying_once(cluster: Cluster) -> None:
    app, deployment = App(), uuid4()
    for _ in range(2):
        await cluster.apply(*app.tenancy, app.job(deployment, REPOSITORY="http://127.0.0.1:9/x"), app.service(deployment))
    assert not isinstance(await cluster.observe(app.awaited("Job", deployment)), Gone)
    assert not isinstance(await cluster.observe(app.awaited("Service", deployment)), Gone)


async def test_an_object_without_its_namespace_is_refused(cluster: Cluster) -> None:
    app = App()
    with pytest.raises(ClusterRefused, match=namespace_of(app.name)):
        await cluster.apply(app.service(uuid4()))


async def test_a_service_is_replaced_only_while_it_is_this_deployment_s(cluster: Cluster) -> None:
    app, good, bad = App(), uuid4(), uuid4()
    await cluster.apply(*app.tenancy, app.service(bad))
    await cluster.replace_service(app.awaited("Service", uuid4()), None)
    assert not isinstance(await cluster.observe(app.awaited("Service", bad)), Gone), "another deployment's was removed"
    await cluster.replace_service(app.awaited("Service", bad), app.service(good))
    await cluster.replace_service(app.awaited("Service", bad), None)
    assert not isinstance(await cluster.observe(app.awaited("Service", good)), Gone), "the good one was removed"
    await cluster.replace_service(app.awaited("Service", good), None)
    assert await cluster.observe(app.awaited("Service", good)) == Gone()


async def test_a_job_is_removed(cluster: Cluster) -> None:
    app, deployment = App(), uuid4()
    await cluster.apply(*app.tenancy, app.job(deployment, REPOSITORY="http://127.0.0.1:9/x"))
    await cluster.remove_job(namespace_of(app.name), job_of(deployment, 1))
    for _ in range(200):
        if await cluster.observe(app.awaited("Job", deployment)) == Gone():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the Job is still there")


async def test_a_namespace_goes_with_all_in_it_and_only_its_own_application_s(cluster: Cluster) -> None:
    app, deployment = App(), uuid4()
    await cluster.apply(*app.tenancy, app.service(deployment))
    await cluster.remove_namespace(namespace_of(app.name), uuid4())
    assert not isinstance(await cluster.observe(app.awaited("Service", deployment)), Gone), "it was another application's"
    async with asyncio.timeout(30):
        while True:
            try:
                await cluster.remove_namespace(namespace_of(app.name), app.id)
                break
            except ClusterUnavailable:
                await asyncio.sleep(0.5)
    assert await cluster.observe(app.awaited("Service", deployment)) == Gone()
    with pytest.raises(ClusterRefused):
        await cluster.apply(app.service(deployment))


async def test_what_bounds_a_namespace_is_applied_twice_as_once(cluster: Cluster) -> None:
    app = App()
    for _ in range(2):
        await cluster.apply(*app.tenancy)


async def test_an_environment_goes_with_its_secrets_and_no_other_s(cluster: Cluster, machine: Machine) -> None:
    app, deployment = App(), uuid4()
    await cluster.apply(*app.tenancy, app.service(deployment))
    for environment in ("staging", "production"):
        labels = {**app.labels(deployment), manifests.ENVIRONMENT: environment}
        name = secret_of(app.name, environment, 1)
        for _ in range(2):
            await cluster.apply(manifests.secret(name=name, application=app.name, labels=labels, values={"KEY": "hush"}))
    await cluster.remove_environment(namespace_of(app.name), service_of(app.name, "staging"), app.id, "staging")
    assert await cluster.observe(app.awaited("Service", deployment)) == Gone()
    await cluster.remove_environment(namespace_of(app.name), service_of(app.name, "staging"), app.id, "staging")
    assert await secrets_of(cluster, machine.home / "kubeconfig", app) == [secret_of(app.name, "production", 1)]


async def secrets_of(cluster: Cluster, administrators: Path, app: App) -> list[str]:
    if isinstance(cluster, MemoryCluster):
        return [name for kind, namespace, name in cluster.objects if (kind, namespace) == ("Secret", namespace_of(app.name))]
    assert isinstance(cluster, KubernetesCluster)
    administrator = KubernetesCluster(Settings({"KUBECONFIG": str(administrators)}))
    found = administrator._call(administrator._core().list_namespaced_secret, namespace_of(app.name))
    return [each["metadata"]["name"] for each in found["items"]]


# -- the real thing ---------------------------------------------------------------------------------------------------


async def test_no_call_is_made_inside_of_a_transaction(knative: KubernetesCluster, postgres: Any) -> None:
    database = Database(postgres.database("deploy").functions_url)
    try:
        async with database.transaction():
            with pytest.raises(CalledInsideTransaction):
                await knative.observe(App().awaited("Job", uuid4()))
    finally:
        await database.close()


async def test_a_cluster_that_does_not_answer_is_away(machine: Machine, tmp_path: Path) -> None:
    elsewhere = (machine.home / "kubeconfig").read_text().replace(str(7030 + machine.offset), "9")
    (tmp_path / "kubeconfig").write_text(elsewhere)
    with pytest.raises(ClusterUnavailable):
        await KubernetesCluster(Settings({"KUBECONFIG": str(tmp_path / "kubeconfig")})).observe(App().awaited("Job", uuid4()))


async def test_a_token_that_is_not_accepted_is_a_refusal(machine: Machine, tmp_path: Path) -> None:
    forged = re.sub(r"token: .*", "token: forged", (machine.home / "kubeconfig").read_text())
    (tmp_path / "kubeconfig").write_text(forged)
    with pytest.raises(ClusterRefused):
        await KubernetesCluster(Settings({"KUBECONFIG": str(tmp_path / "kubeconfig")})).observe(App().awaited("Job", uuid4()))


async def test_a_field_that_kubernetes_does_not_know_is_refused(knative: KubernetesCluster) -> None:
    app = App()
    service = deepcopy(app.service(uuid4()))
    service["spec"]["template"]["spec"]["containers"][0]["privileges"] = "all"
    with pytest.raises(ClusterRefused, match="privileges"):
        await knative.apply(*app.tenancy, service)


async def test_a_namespace_of_another_application_is_not_taken_over(knative: KubernetesCluster) -> None:
    app, other = App(), uuid4()
    await knative.apply(*app.tenancy)
    with pytest.raises(ClusterRefused, match=f"{app.id}.*not application {other}'s"):
        await knative.apply(*tenancy(app.name, other))


async def test_the_labels_of_a_namespace_follow_those_applied(knative: KubernetesCluster, machine: Machine) -> None:
    app = App()
    await knative.apply(*app.tenancy)
    name = namespace_of(app.name)
    machine.core.patch_namespace(name, {"metadata": {"labels": {manifests.MANAGED: None}}})
    await knative.apply(*app.tenancy)
    assert machine.core.read_namespace(name).metadata.labels[manifests.MANAGED] == "true"


async def test_what_an_operator_named_like_an_application_is_left_alone(knative: KubernetesCluster, machine: Machine) -> None:
    app = App()
    machine.core.create_namespace({"metadata": {"name": namespace_of(app.name)}})
    with pytest.raises(ClusterRefused, match=namespace_of(app.name)):
        await knative.apply(*app.tenancy)
    await knative.remove_namespace(namespace_of(app.name), app.id)
    assert machine.core.read_namespace(namespace_of(app.name)).metadata.deletion_timestamp is None


async def test_the_platform_s_namespace_is_out_of_reach(knative: KubernetesCluster) -> None:
    app = App()
    job = deepcopy(app.job(uuid4(), REPOSITORY="http://127.0.0.1:9/x"))
    job["metadata"]["namespace"] = "capsule"
    binding = deepcopy(app.tenancy[1])
    binding["metadata"]["namespace"] = "capsule"
    for each in (job, binding):
        with pytest.raises(ClusterRefused, match="forbidden"):
            await knative.apply(each)
