"""The cluster's port: one suite over memory and over the one-machine Knative through the official client; then, on Knative alone, real builds and
real applications, whose ends must be read from the objects as they are."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from functions.deploy.adapters.kubernetes import KubernetesCluster
from functions.deploy.adapters.memory_cluster import MemoryCluster
from functions.deploy.domain import manifests
from functions.deploy.domain.environment import Terms
from functions.deploy.domain.names import job_of, namespace_of, secret_of, service_of
from functions.deploy.domain.observation import BuildBroken, Built, Gone, NotServing, Observation, Serving
from functions.deploy.domain.status import Awaited
from functions.deploy.domain.tenancy import namespace, tenancy
from functions.deploy.ports import Cluster, ClusterAway, ClusterRefused
from functions.runtime.database import Database
from functions.runtime.foreign import CalledInsideTransaction
from functions.runtime.settings import Settings
from tests.builder.conftest import PASSED_ON
from tests.builder.repositories import Repositories, serving
from tests.deploy.world import IMAGE, TEMPLATE
from tests.knative.machine import Machine, free_offset

PLAIN = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"VERSION")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    found = Machine(tmp_path_factory.mktemp("machine"), free_offset())
    found.start()
    yield found
    assert found.stop() == 0, found.log
    assert "Traceback" not in found.log, found.log


def through(machine: Machine) -> KubernetesCluster:
    return KubernetesCluster(Settings({"KUBECONFIG": str(machine.home / "kubeconfig")}))


@pytest.fixture
def knative(machine: Machine) -> KubernetesCluster:
    return through(machine)


@pytest.fixture(params=["memory", "knative"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    if request.param == "memory":
        return MemoryCluster()
    found: Cluster = request.getfixturevalue("knative")
    return found


class App:
    """An application in one environment and what it applies."""

    def __init__(self) -> None:
        self.name, self.id = f"a{uuid4().hex[:10]}", uuid4()
        self.namespace = namespace(self.name, self.id)

    def labels(self, deployment: UUID) -> dict[str, str]:
        return {manifests.APPLICATION: str(self.id), manifests.ENVIRONMENT: "staging", manifests.DEPLOYMENT: str(deployment)}

    def job(self, deployment: UUID, **parameters: str) -> manifests.Manifest:
        said = {"APPLICATION": self.name, "IMAGE": f"capsule.local/apps/{self.name}", "REF": "", **parameters}
        return manifests.build_job(TEMPLATE, parameters=said, application=self.name, attempt=1, labels=self.labels(deployment))

    def service(self, deployment: UUID, image: str = IMAGE) -> manifests.Manifest:
        return manifests.service(
            application=self.name, labels=self.labels(deployment), release={manifests.RELEASE: "r1"}, pod=manifests.pod_of(image), terms=Terms()
        )

    def awaited(self, kind: str, deployment: UUID) -> Awaited:
        name = job_of(deployment, 1) if kind == "Job" else service_of(self.name, "staging")
        return Awaited(kind, namespace_of(self.name), name, deployment)


async def ended(cluster: Cluster, awaited: Awaited, seconds: float = 90) -> Observation:
    async with asyncio.timeout(seconds):
        while True:
            if seen := await cluster.observe(awaited):
                return seen
            await asyncio.sleep(0.2)


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
        await cluster.apply(app.namespace, app.job(deployment, REPOSITORY="http://127.0.0.1:9/x"), app.service(deployment))
    assert not isinstance(await cluster.observe(app.awaited("Job", deployment)), Gone)
    assert not isinstance(await cluster.observe(app.awaited("Service", deployment)), Gone)


async def test_an_object_without_its_namespace_is_refused(cluster: Cluster) -> None:
    app = App()
    with pytest.raises(ClusterRefused, match=namespace_of(app.name)):
        await cluster.apply(app.service(uuid4()))


async def test_a_service_is_replaced_only_while_it_is_this_deployment_s(cluster: Cluster) -> None:
    app, good, bad = App(), uuid4(), uuid4()
    await cluster.apply(app.namespace, app.service(bad))
    await cluster.replace_service(app.awaited("Service", uuid4()), None)
    assert not isinstance(await cluster.observe(app.awaited("Service", bad)), Gone), "another deployment's was removed"
    await cluster.replace_service(app.awaited("Service", bad), app.service(good))
    await cluster.replace_service(app.awaited("Service", bad), None)
    assert not isinstance(await cluster.observe(app.awaited("Service", good)), Gone), "the good one was removed"
    await cluster.replace_service(app.awaited("Service", good), None)
    assert await cluster.observe(app.awaited("Service", good)) == Gone()


async def test_a_job_is_removed(cluster: Cluster) -> None:
    app, deployment = App(), uuid4()
    await cluster.apply(app.namespace, app.job(deployment, REPOSITORY="http://127.0.0.1:9/x"))
    await cluster.remove_job(namespace_of(app.name), job_of(deployment, 1))
    for _ in range(200):
        if await cluster.observe(app.awaited("Job", deployment)) == Gone():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the Job is still there")


async def test_a_namespace_goes_with_all_in_it_and_only_its_own_application_s(cluster: Cluster) -> None:
    app, deployment = App(), uuid4()
    await cluster.apply(app.namespace, app.service(deployment))
    await cluster.remove_namespace(namespace_of(app.name), uuid4())
    assert not isinstance(await cluster.observe(app.awaited("Service", deployment)), Gone), "it was another application's"
    async with asyncio.timeout(30):
        while True:
            try:
                await cluster.remove_namespace(namespace_of(app.name), app.id)
                break
            except ClusterAway:
                await asyncio.sleep(0.5)
    assert await cluster.observe(app.awaited("Service", deployment)) == Gone()
    with pytest.raises(ClusterRefused):
        await cluster.apply(app.service(deployment))


async def test_what_bounds_a_namespace_is_applied_twice_as_once(cluster: Cluster) -> None:
    app = App()
    for _ in range(2):
        await cluster.apply(*tenancy(app.name, app.id))


async def test_an_environment_goes_with_its_secrets_and_no_other_s(cluster: Cluster) -> None:
    app, deployment = App(), uuid4()
    await cluster.apply(app.namespace, app.service(deployment))
    for environment in ("staging", "production"):
        labels = {**app.labels(deployment), manifests.ENVIRONMENT: environment}
        name = secret_of(app.name, environment, 1)
        for _ in range(2):
            await cluster.apply(manifests.secret(name=name, application=app.name, labels=labels, values={"KEY": "hush"}))
    await cluster.remove_environment(namespace_of(app.name), service_of(app.name, "staging"), app.id, "staging")
    assert await cluster.observe(app.awaited("Service", deployment)) == Gone()
    await cluster.remove_environment(namespace_of(app.name), service_of(app.name, "staging"), app.id, "staging")
    assert await secrets_of(cluster, app) == [secret_of(app.name, "production", 1)]


async def secrets_of(cluster: Cluster, app: App) -> list[str]:
    if isinstance(cluster, MemoryCluster):
        return [name for kind, namespace, name in cluster.objects if (kind, namespace) == ("Secret", namespace_of(app.name))]
    assert isinstance(cluster, KubernetesCluster)
    found = cluster._call(cluster._core().list_namespaced_secret, namespace_of(app.name))
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
    with pytest.raises(ClusterAway):
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
        await knative.apply(app.namespace, service)


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[Repositories]:
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
async def built(knative: KubernetesCluster, repositories: Repositories) -> AsyncIterator[Any]:
    """Commits files, builds them in a Job, gives what was observed."""
    passed_on = {name: os.environ[name] for name in PASSED_ON} | {"BUILD_ENVIRONMENT": " ".join(PASSED_ON)}

    async def build(app: App, files: dict[str, str]) -> tuple[Observation, str]:
        repository, deployment = repositories.make(f"r{uuid4().hex[:6]}"), uuid4()
        commit = repository.commit(files)
        job = app.job(deployment, REPOSITORY=repository.url, REPOSITORY_HOSTS=repositories.host, **passed_on)
        await knative.apply(app.namespace, job)
        return await ended(knative, app.awaited("Job", deployment)), commit

    yield build


async def image_of(built: Any, app: App, files: dict[str, str]) -> str:
    seen, commit = await built(app, files)
    assert isinstance(seen, Built), seen
    assert seen.commit == commit
    return seen.image


def get(machine: Machine, url: str) -> str:
    answer = httpx.get(machine.ingress, headers={"Host": httpx.URL(url).host}, timeout=30)
    return f"{answer.status_code} {answer.text}"


async def test_a_repository_is_built_released_and_answers_and_a_broken_one_leaves_it_so(
    machine: Machine, knative: KubernetesCluster, built: Any
) -> None:
    app, good, bad = App(), uuid4(), uuid4()
    image = await image_of(built, app, {"main.py": PLAIN.replace("VERSION", "one"), "requirements.txt": ""})
    await knative.apply(app.service(good, image))
    seen = await ended(knative, app.awaited("Service", good))
    assert isinstance(seen, Serving), seen
    assert get(machine, seen.url) == "200 one"

    broken = await image_of(built, app, {"Procfile": "web: python main.py", "main.py": "import sys; sys.exit('no configuration')"})
    await knative.apply(app.service(bad, broken))
    failed = await ended(knative, app.awaited("Service", bad))
    assert isinstance(failed, NotServing), failed
    assert failed.reason == "exits-at-start", failed
    assert "no configuration" in failed.detail, failed
    assert await knative.observe(app.awaited("Service", good)) is None, "the good deployment is not what the Service says now"
    assert get(machine, seen.url) == "200 one", "the old revision did not go on serving"

    await knative.replace_service(app.awaited("Service", bad), app.service(good, image))
    assert isinstance(await ended(knative, app.awaited("Service", good)), Serving)
    assert get(machine, seen.url) == "200 one"


async def test_an_application_that_never_listens(knative: KubernetesCluster, built: Any) -> None:
    app, deployment = App(), uuid4()
    image = await image_of(built, app, {"Procfile": "web: sleep 600"})
    service = app.service(deployment, image)
    service["spec"]["template"]["metadata"]["annotations"]["serving.knative.dev/progress-deadline"] = "3s"
    await knative.apply(service)
    seen = await ended(knative, app.awaited("Service", deployment))
    assert isinstance(seen, NotServing)
    assert seen.reason == "never-listens", seen


async def test_a_failed_build_has_its_builder_s_word(built: Any) -> None:
    seen, commit = await built(App(), {"README.md": "nothing to run"})
    assert isinstance(seen, BuildBroken)
    assert (seen.reason, seen.commit) == ("not-recognized", commit)
    assert "README.md" in seen.detail


async def test_a_static_site(machine: Machine, knative: KubernetesCluster, built: Any) -> None:
    app, deployment = App(), uuid4()
    image = await image_of(built, app, {"index.html": "<h1>hello</h1>"})
    await knative.apply(app.service(deployment, image))
    seen = await ended(knative, app.awaited("Service", deployment))
    assert isinstance(seen, Serving)
    assert get(machine, seen.url) == "200 <h1>hello</h1>"


CURIOUS = """
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        def readable(path):
            try:
                open(path).read()
                return True
            except OSError:
                return False
        seen = {"environment": dict(os.environ), "read": [path for path in PATHS if readable(path)], "account": os.path.exists(ACCOUNT)}
        self.send_response(200); self.end_headers(); self.wfile.write(json.dumps(seen).encode())
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


async def test_an_application_that_looks_for_secrets_finds_none(machine: Machine, knative: KubernetesCluster, built: Any) -> None:
    app, deployment = App(), uuid4()
    paths = [str(machine.home / "kubeconfig"), str(machine.home / "knative" / "store.db")]
    image = await image_of(built, app, {"Procfile": "web: python main.py", "main.py": f"PATHS = {paths!r}\n{CURIOUS}"})
    await knative.apply(app.service(deployment, image))
    seen = await ended(knative, app.awaited("Service", deployment))
    assert isinstance(seen, Serving), seen
    found = json.loads(get(machine, seen.url).partition(" ")[2])
    ours = [name for name in found["environment"] if name.startswith(("CAPSULE_", "KUBE", "PG", "AMQP", "PIP_", "UV_"))]
    assert set(ours) <= {"CAPSULE_BIND"}, found
    assert found["account"] is False
    assert found["read"] == [], "it reads the platform's files"
