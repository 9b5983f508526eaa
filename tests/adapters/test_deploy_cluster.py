"""Contract of the cluster port, run in memory and on the one-machine Knative; and errors that only the official client meets."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from functions.deploy.adapters.kubernetes import KubernetesCluster
from functions.deploy.domain import autoscaling_manifests, configuration_manifests, manifests, workload_manifests
from functions.deploy.domain.autoscaling import Autoscaling, Metric, MetricType
from functions.deploy.domain.environment import Size
from functions.deploy.domain.instances import Instance, InstanceState
from functions.deploy.domain.names import build_job_of, namespace_of, secret_of, service_of
from functions.deploy.domain.observation import ResourceDeleted
from functions.deploy.domain.tenancy import TENANT_ROLE, WATCHED, WATCHER, tenancy
from functions.deploy.domain.workloads import Workloads
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
    knative: Cluster = request.getfixturevalue("knative")
    return knative


# -- contract ---------------------------------------------------------------------------------------------------------


async def test_a_missing_object_is_reported_as_deleted(cluster: Cluster) -> None:
    app, deployment = App(), uuid4()
    for kind in ("Job", "Service"):
        assert await cluster.observe(app.watched(kind, deployment)) == ResourceDeleted()
    await cluster.delete_job(namespace_of(app.name), "none")
    await cluster.delete_namespace(namespace_of(app.name), app.id)
    await cluster.replace_service(app.watched("Service", deployment), app.service(deployment))
    assert await cluster.observe(app.watched("Service", deployment)) == ResourceDeleted()


async def test_applying_is_idempotent(cluster: Cluster) -> None:
    app, deployment = App(), uuid4()
    for _ in range(2):
        await cluster.apply(*app.tenancy, app.job(deployment, REPOSITORY="http://127.0.0.1:9/x"), app.service(deployment))
    assert not isinstance(await cluster.observe(app.watched("Job", deployment)), ResourceDeleted)
    assert not isinstance(await cluster.observe(app.watched("Service", deployment)), ResourceDeleted)


async def test_an_object_without_its_namespace_is_refused(cluster: Cluster) -> None:
    app = App()
    with pytest.raises(ClusterRefused, match=namespace_of(app.name)):
        await cluster.apply(app.service(uuid4()))


async def test_a_service_is_replaced_only_while_it_carries_this_deployment(cluster: Cluster) -> None:
    app, good, bad = App(), uuid4(), uuid4()
    await cluster.apply(*app.tenancy, app.service(bad))
    await cluster.replace_service(app.watched("Service", uuid4()), None)
    assert not isinstance(await cluster.observe(app.watched("Service", bad)), ResourceDeleted), "the Service of another deployment was deleted"
    await cluster.replace_service(app.watched("Service", bad), app.service(good))
    await cluster.replace_service(app.watched("Service", bad), None)
    assert not isinstance(await cluster.observe(app.watched("Service", good)), ResourceDeleted), "the good Service was deleted"
    await cluster.replace_service(app.watched("Service", good), None)
    assert await cluster.observe(app.watched("Service", good)) == ResourceDeleted()


async def test_a_job_is_deleted(cluster: Cluster) -> None:
    app, deployment = App(), uuid4()
    await cluster.apply(*app.tenancy, app.job(deployment, REPOSITORY="http://127.0.0.1:9/x"))
    await cluster.delete_job(namespace_of(app.name), build_job_of(deployment, 1))
    for _ in range(200):
        if await cluster.observe(app.watched("Job", deployment)) == ResourceDeleted():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the Job still exists")


async def test_a_namespace_is_deleted_with_its_content_by_its_own_application_only(cluster: Cluster) -> None:
    app, deployment = App(), uuid4()
    await cluster.apply(*app.tenancy, app.service(deployment))
    await cluster.delete_namespace(namespace_of(app.name), uuid4())
    assert not isinstance(await cluster.observe(app.watched("Service", deployment)), ResourceDeleted), "another application deleted it"
    async with asyncio.timeout(60):
        while True:
            try:
                await cluster.delete_namespace(namespace_of(app.name), app.id)
                break
            except ClusterUnavailable:
                await asyncio.sleep(0.5)
    assert await cluster.observe(app.watched("Service", deployment)) == ResourceDeleted()
    with pytest.raises(ClusterRefused):
        await cluster.apply(app.service(deployment))


async def test_applying_the_limits_of_a_namespace_is_idempotent(cluster: Cluster) -> None:
    app = App()
    for _ in range(2):
        await cluster.apply(*app.tenancy)


async def test_workloads_are_replaced_within_their_environment(cluster: Cluster) -> None:
    app, deployment = App(), uuid4()
    await cluster.apply(*app.tenancy)
    namespace = namespace_of(app.name)

    def process(name: str, environment: str, replicas: int = 0) -> manifests.Manifest:
        return workload_manifests.process(
            name=f"{app.name}-{environment}-{name}",
            process_type=name,
            command="exec sleep 600",
            application=app.name,
            labels={**app.labels(deployment), manifests.ENVIRONMENT: environment},
            release={manifests.RELEASE: "r1"},
            pod=manifests.pod_spec("capsule.local/apps/none@sha256:" + "a" * 64),
            replicas=replicas,
            stop_seconds=5,
            size=Size(),
        )

    staging, production = (Workloads(namespace, app.id, name) for name in ("staging", "production"))
    await cluster.replace_workloads(production, process("worker", "production"))
    for _ in range(2):
        await cluster.replace_workloads(staging, process("worker", "staging", 1), process("clock", "staging"))
    if not isinstance(cluster, MemoryCluster):
        found = await _until(lambda: cluster.list_processes(staging), has_some=True)
        assert [(each.process, each.release, each.state) for each in found] == [("worker", "r1", InstanceState.STARTING)]
    await cluster.replace_workloads(staging)
    await _until(lambda: cluster.list_processes(staging), has_some=False)
    await cluster.delete_environment(namespace, service_of(app.name, "production"), app.id, "production")
    await cluster.replace_workloads(Workloads(f"{namespace}-none", app.id, "staging"))


async def _until(look: Callable[[], Awaitable[list[Instance]]], *, has_some: bool) -> list[Instance]:
    for _ in range(300):
        if bool(found := await look()) is has_some:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"still {found}")


async def test_an_environment_is_deleted_with_its_own_secrets_only(cluster: Cluster, machine: Machine) -> None:
    app, deployment = App(), uuid4()
    await cluster.apply(*app.tenancy, app.service(deployment))
    for environment in ("staging", "production"):
        labels = {**app.labels(deployment), manifests.ENVIRONMENT: environment}
        name = secret_of(app.name, environment, 1)
        for _ in range(2):
            await cluster.apply(configuration_manifests.secret(name=name, application=app.name, labels=labels, values={"KEY": "hush"}))
    await cluster.delete_environment(namespace_of(app.name), service_of(app.name, "staging"), app.id, "staging")
    assert await cluster.observe(app.watched("Service", deployment)) == ResourceDeleted()
    await cluster.delete_environment(namespace_of(app.name), service_of(app.name, "staging"), app.id, "staging")
    assert await secrets_of(cluster, machine.home / "kubeconfig", app) == [secret_of(app.name, "production", 1)]


async def secrets_of(cluster: Cluster, administrators: Path, app: App) -> list[str]:
    if isinstance(cluster, MemoryCluster):
        return [name for kind, namespace, name in cluster.objects if (kind, namespace) == ("Secret", namespace_of(app.name))]
    assert isinstance(cluster, KubernetesCluster)
    administrator = KubernetesCluster(Settings({"KUBECONFIG": str(administrators)}))
    response = administrator._call(administrator._core().list_namespaced_secret, namespace_of(app.name))
    return [each["metadata"]["name"] for each in response["items"]]


# -- the real cluster ---------------------------------------------------------------------------------------------------


async def test_a_call_inside_a_transaction_is_an_error(knative: KubernetesCluster, postgres: Any) -> None:
    database = Database(postgres.database("deploy").functions_url)
    try:
        async with database.transaction():
            with pytest.raises(CalledInsideTransaction):
                await knative.observe(App().watched("Job", uuid4()))
    finally:
        await database.close()


async def test_a_cluster_that_does_not_respond_is_unavailable(machine: Machine, tmp_path: Path) -> None:
    elsewhere = (machine.home / "kubeconfig").read_text().replace(str(7030 + machine.offset), "9")
    (tmp_path / "kubeconfig").write_text(elsewhere)
    with pytest.raises(ClusterUnavailable):
        await KubernetesCluster(Settings({"KUBECONFIG": str(tmp_path / "kubeconfig")})).observe(App().watched("Job", uuid4()))


async def test_an_invalid_token_is_a_refusal(machine: Machine, tmp_path: Path) -> None:
    forged = re.sub(r"token: .*", "token: forged", (machine.home / "kubeconfig").read_text())
    (tmp_path / "kubeconfig").write_text(forged)
    with pytest.raises(ClusterRefused):
        await KubernetesCluster(Settings({"KUBECONFIG": str(tmp_path / "kubeconfig")})).observe(App().watched("Job", uuid4()))


async def test_an_unknown_field_is_refused(knative: KubernetesCluster) -> None:
    app = App()
    service = deepcopy(app.service(uuid4()))
    service["spec"]["template"]["spec"]["containers"][0]["privileges"] = "all"
    with pytest.raises(ClusterRefused, match="privileges"):
        await knative.apply(*app.tenancy, service)


async def test_a_namespace_of_another_application_is_not_taken_over(knative: KubernetesCluster) -> None:
    app, other = App(), uuid4()
    await knative.apply(*app.tenancy)
    with pytest.raises(ClusterRefused, match=f"{app.id}.*not to {other}"):
        await knative.apply(*tenancy(app.name, other))


async def test_the_labels_of_a_namespace_follow_those_applied(knative: KubernetesCluster, machine: Machine) -> None:
    app = App()
    await knative.apply(*app.tenancy)
    name = namespace_of(app.name)
    machine.core.patch_namespace(name, {"metadata": {"labels": {manifests.MANAGED: None}}})
    await knative.apply(*app.tenancy)
    assert machine.core.read_namespace(name).metadata.labels[manifests.MANAGED] == "true"


async def test_a_namespace_of_an_earlier_version_is_watched_once_its_account_is_bound(knative: KubernetesCluster, machine: Machine) -> None:
    """Knative's controller checks the account in each selected namespace: a label before the binding would make the source unready."""
    app = App()
    await knative.apply(*app.tenancy[:2])  # the namespace and deploy's own binding, as before
    name = namespace_of(app.name)
    assert WATCHED not in machine.core.read_namespace(name).metadata.labels
    assert [each["kind"] for each in app.tenancy][-1] == "Namespace"
    await knative.apply(*app.tenancy)
    bindings = machine.custom.list_namespaced_custom_object("rbac.authorization.k8s.io", "v1", name, "rolebindings")["items"]
    assert {each["metadata"]["name"] for each in bindings} == {TENANT_ROLE, WATCHER}
    assert machine.core.read_namespace(name).metadata.labels[WATCHED] == "true"


async def test_an_operator_s_namespace_with_an_application_s_name_is_not_touched(knative: KubernetesCluster, machine: Machine) -> None:
    app = App()
    machine.core.create_namespace({"metadata": {"name": namespace_of(app.name)}})
    with pytest.raises(ClusterRefused, match=namespace_of(app.name)):
        await knative.apply(*app.tenancy)
    await knative.delete_namespace(namespace_of(app.name), app.id)
    assert machine.core.read_namespace(namespace_of(app.name)).metadata.deletion_timestamp is None


async def test_the_platform_s_namespace_is_not_accessible(knative: KubernetesCluster) -> None:
    app = App()
    job = deepcopy(app.job(uuid4(), REPOSITORY="http://127.0.0.1:9/x"))
    job["metadata"]["namespace"] = "capsule"
    binding = deepcopy(app.tenancy[1])
    binding["metadata"]["namespace"] = "capsule"
    for each in (job, binding):
        with pytest.raises(ClusterRefused, match="forbidden"):
            await knative.apply(each)


async def test_replicas_change_hands_between_a_fixed_number_and_an_autoscaler(cluster: Cluster) -> None:
    """A queue at zero, then CPU: a HorizontalPodAutoscaler leaves zero alone, so one instance runs first."""
    if not isinstance(cluster, KubernetesCluster):
        pytest.skip("the in-memory cluster has no field managers")
    app, deployment = App(), uuid4()
    await cluster.apply(*app.tenancy)
    namespace = namespace_of(app.name)
    workloads = Workloads(namespace, app.id, "staging")

    def worker(replicas: int | None) -> manifests.Manifest:
        return workload_manifests.process(
            name=f"{app.name}-staging-worker",
            process_type="worker",
            command="exec sleep 600",
            application=app.name,
            labels={**app.labels(deployment), manifests.ENVIRONMENT: "staging"},
            release={manifests.RELEASE: "r1"},
            pod=manifests.pod_spec("capsule.local/apps/none@sha256:" + "a" * 64),
            replicas=replicas,
            stop_seconds=5,
            size=Size(),
        )

    def replicas() -> int:
        (found,) = cluster._list_workloads(workloads, "Deployment")
        return int(found["spec"]["replicas"])

    def scaled(metric: Metric, low: int) -> list[manifests.Manifest]:
        return [worker(None), *autoscaling_manifests.autoscalers(worker(None), Autoscaling(low, 4, (metric,)), Size(), "http://x", {})]

    cpu = Metric.parse(MetricType.CPU, 70)
    await cluster.replace_workloads(workloads, worker(3))
    await cluster.replace_workloads(workloads, *scaled(cpu, 1))
    assert replicas() == 3, "not one until the autoscaler has decided"
    assert [each.process for each in await cluster.list_autoscalers(workloads)] == ["worker"]
    await cluster.replace_workloads(workloads, worker(0))
    assert replicas() == 0 and await cluster.list_autoscalers(workloads) == []
    queue = Metric.parse(MetricType.QUEUE, 5, query="SELECT 1")
    await cluster.replace_workloads(workloads, *scaled(queue, 0))
    await cluster.replace_workloads(workloads, *scaled(cpu, 1))
    assert replicas() >= 1
    await cluster.replace_workloads(workloads)
