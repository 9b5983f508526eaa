"""The deploy context as it runs: a real function process, RabbitMQ, PostgreSQL and the one-machine Knative, from a git repository to a URL.

The functions use the account and the rights that their manifests give them, and hear of the cluster by an ApiServerSource.
"""

import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jwt
import pika
import pytest
import yaml
from kubernetes.client.exceptions import ApiException

from events.auth import UserCreated
from functions.runtime import tokens, topology
from functions.runtime.bus import COMMANDS, EVENTS, REPLIES
from functions.runtime.registry import Registry
from tests.builder.conftest import PASSED_ON, ROOT
from tests.builder.repositories import Repositories, Repository, serving
from tests.deploy.world import TEMPLATE
from tests.knative.machine import Machine, free_offset
from tests.runtime.harness import Worker, World, asked, message, until

ACCOUNT = "deploy-cluster"
APP = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"VERSION")
print("listening", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def files(version: str) -> dict[str, str]:
    return {"requirements.txt": "", "main.py": APP.replace("VERSION", version)}


@dataclass
class DeployWorld(World):
    machine: Machine = None  # type: ignore[assignment]
    hosts: str = ""

    def prepare(self) -> None:
        self.signing = tokens.new_signing_jwks()
        self._mount("etc/capsule/jwks/jwks.json", tokens.public_jwks(self.signing))
        self._mount("etc/capsule/build/job.yaml", TEMPLATE)
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            channel = connection.channel()
            topology.declare_exchanges(channel)
            for queue in ("functions", "replies", "events"):
                channel.queue_declare(queue, durable=True)
            for declared in Registry.load(["deploy"]).declarations:
                channel.queue_bind("functions", COMMANDS, declared.name)
                if declared.kind in ("event", "effect"):
                    channel.queue_bind("functions", EVENTS, declared.message_type)
            channel.queue_bind("events", EVENTS, "#")
            channel.queue_bind("replies", REPLIES, "replies")

    def environment(self) -> dict[str, str]:
        passed_on = {f"CAPSULE_BUILD_{name}": os.environ[name] for name in PASSED_ON}
        return {
            **super().environment(),
            **passed_on,
            "CAPSULE_BUILD_ENV": ",".join(PASSED_ON),
            "CAPSULE_FUNCTION": "deploy.*",
            "CAPSULE_DEPLOY_DATABASE_URL": self.database,
            "CAPSULE_REPOSITORY_HOSTS": self.hosts,
            "KUBECONFIG": str(self.folder / "kubeconfig"),
        }

    def give_account(self) -> None:
        """What knative/base says of the account that the functions run under, and its token."""
        core = self.machine.core
        for each in yaml.safe_load_all((ROOT / "knative/base/deploy.yaml").read_text()):
            match each["kind"]:
                case "ServiceAccount":
                    core.create_namespaced_service_account("capsule", each)
                case "ClusterRole" | "ClusterRoleBinding" as kind:
                    self._create(f"/apis/rbac.authorization.k8s.io/v1/{kind.lower()}s", each)
        token = core.create_namespaced_service_account_token(ACCOUNT, "capsule", {"spec": {}}).status.token
        config = yaml.safe_load((self.machine.home / "kubeconfig").read_text())
        config["users"][0]["user"] = {"token": token}
        (self.folder / "kubeconfig").write_text(yaml.safe_dump(config))

    def hear(self, worker: Worker) -> None:
        """The base's own ApiServerSource, with the function instead of the Broker as its sink."""
        (source,) = [each for each in yaml.safe_load_all((ROOT / "knative/base/deploy.yaml").read_text()) if each["kind"] == "ApiServerSource"]
        source["spec"]["sink"] = {"uri": f"http://127.0.0.1:{worker.port}/deploy.on_object_updated"}
        self._create("/apis/sources.knative.dev/v1/namespaces/capsule/apiserversources", source)

    def _create(self, path: str, body: Any) -> None:
        with self.machine.api as api:
            header = {"Content-Type": "application/json"}
            api.call_api("POST", api.configuration.host + path, {**header, **self._authorization()}, body).read()

    def _authorization(self) -> dict[str, str]:
        config = yaml.safe_load((self.machine.home / "kubeconfig").read_text())
        return {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}

    def token(self, user: uuid.UUID) -> str:
        now = int(datetime.now(UTC).timestamp())
        claims = {"iss": "capsule", "aud": "capsule", "sub": str(user), "sid": str(uuid.uuid4()), "roles": ["user"], "jti": "1"}
        key = self.signing["keys"][0]
        return jwt.encode({**claims, "iat": now, "exp": now + 600}, jwt.PyJWK(key, "ES256"), "ES256", {"kid": key["kid"], "typ": "at+jwt"})


@dataclass
class Developer:
    """Sends commands and queries as the gateway does."""

    world: DeployWorld
    worker: Worker
    id: uuid.UUID

    def ask(self, function: str, **body: Any) -> tuple[int, Any]:
        headers = asked(f"deploy.{function}", token=self.world.token(self.id))
        assert self.worker.post(headers, json.dumps(body).encode(), f"/deploy.{function}") == 204
        reply, answer = self.world.reply(headers["correlationid"])
        return int(reply["status"]), answer

    def create(self, repository: Repository) -> str:
        status, application = self.ask("create_application", name=f"a{uuid.uuid4().hex[:8]}", repository=repository.url)
        assert status == 201, application
        return str(application["id"])

    def deployed(self, application: str, **asked: str) -> Any:
        status, requested = self.ask("deploy", applicationId=application, environment="staging", **asked)
        assert status == 202, requested
        return self.ended(application, requested["id"])

    def ended(self, application: str, deployment: str) -> Any:
        def look() -> Any:
            status, shown = self.ask("deployment", applicationId=application, deploymentId=deployment)
            assert status == 200, shown
            return shown if shown["status"] in ("succeeded", "failed") else time.sleep(0.2)

        return until(look, 120, "for the deployment's end")

    def get(self, url: str) -> str:
        answer = httpx.get(self.world.machine.ingress, headers={"Host": httpx.URL(url).host}, timeout=30)
        return f"{answer.status_code} {answer.text}"


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    with serving(tmp_path_factory.mktemp("git")) as found:
        yield found


@pytest.fixture(scope="module")
def world(postgres: Any, rabbitmq: Any, repositories: Repositories, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployWorld]:
    machine = Machine(tmp_path_factory.mktemp("machine"), free_offset())
    machine.start()
    machine.namespace("capsule")
    database = postgres.database("deploy")
    folder: Path = tmp_path_factory.mktemp("deploy")
    found = DeployWorld(database.functions_url, database.owner_url, rabbitmq.vhost(), folder, machine=machine, hosts=repositories.host)
    found.prepare()
    found.give_account()
    yield found
    found.close()
    assert machine.stop() == 0, machine.log


@pytest.fixture(scope="module")
def worker(world: DeployWorld) -> Worker:
    worker = world.worker()
    world.pump(lambda: worker.port)
    world.hear(worker)
    return worker


@pytest.fixture
def developer(world: DeployWorld, worker: Worker) -> Developer:
    found = Developer(world, worker, uuid.uuid4())
    created = UserCreated(user_id=found.id, email="ada@example.org", at=datetime.now(UTC))
    assert worker.post(message("user.created"), created.model_dump_json(by_alias=True).encode(), "/deploy.on_user_created") == 204
    return found


def test_a_repository_becomes_a_url_and_a_broken_commit_leaves_it_so(
    developer: Developer, repositories: Repositories, world: DeployWorld, worker: Worker
) -> None:
    assert developer.ask("quota")[1]["applications"]["used"] == 0
    repository = repositories.make("journey")
    first = repository.commit(files("one"))
    application = developer.create(repository)

    done = developer.deployed(application)
    assert (done["status"], done["commit"], done["release"]) == ("succeeded", first, 1), done
    assert [step["step"] for step in done["steps"]] == ["requested", "building", "releasing"]
    assert all(step["finishedAt"] for step in done["steps"])
    assert developer.get(done["url"]) == "200 one"

    repository.commit({"README.md": "nothing to run"})
    failed = developer.deployed(application)
    assert (failed["status"], failed["reason"], failed["release"]) == ("failed", "not-recognized", None)
    assert developer.get(done["url"]) == "200 one"

    repository.commit({"Procfile": "web: python main.py", "main.py": "raise SystemExit('no settings')"})
    failed = developer.deployed(application)
    assert (failed["status"], failed["reason"]) == ("failed", "exits-at-start"), failed
    assert developer.get(done["url"]) == "200 one"
    name = developer.ask("application", applicationId=application)[1]["name"]
    put_back = until(lambda: _release_of(world, name) == "r1", 20, "for the last good release to be put back")
    assert put_back

    repository.commit(files("two"))
    again = developer.deployed(application)
    assert (again["status"], again["release"]) == ("succeeded", 3), again
    until(lambda: developer.get(done["url"]) == "200 two", 20, "for the traffic to move")
    old = developer.deployed(application, ref=first)
    assert (old["status"], old["commit"]) == ("succeeded", first)

    shown = developer.ask("application", applicationId=application)[1]
    assert [(each["name"], each["release"], each["commit"]) for each in shown["environments"]] == [("staging", 4, first)]
    assert [each["status"] for each in developer.ask("deployments", applicationId=application)[1]["items"]] == [
        "succeeded", "succeeded", "failed", "failed", "succeeded"
    ]  # fmt: skip
    facts = [headers["type"] for headers, _ in iter(lambda: world.take("events") or ({}, b""), ({}, b""))]
    assert {"quota.granted", "application.created", "deployment.requested", "build.succeeded", "build.failed"} <= set(facts)
    assert (facts.count("deployment.succeeded"), facts.count("deployment.failed")) == (3, 2)

    assert developer.ask("destroy_application", applicationId=application)[0] == 202
    assert developer.ask("application", applicationId=application)[0] == 404
    until(lambda: world.count("applications WHERE id = %s AND status = 'destroyed'", application), 30, "for the namespace to go")
    assert f"app-{name}" not in [each.metadata.name for each in world.machine.core.list_namespace().items]
    assert developer.ask("quota")[1]["applications"]["used"] == 0
    assert world.count("dead_letters") == 0, world.rows("SELECT function, error, detail FROM dead_letters")
    assert not [line for line in worker.lines() if line.get("level") == "ERROR"], worker.log.read_text()


def _release_of(world: DeployWorld, name: str) -> str:
    service = world.machine.get("services", f"app-{name}", f"{name}-staging")
    return str(service["spec"]["template"]["metadata"]["annotations"]["capsule.dev/release"])


def test_refusals_are_answers(developer: Developer, repositories: Repositories) -> None:
    repository = repositories.make("refused")
    status, problem = developer.ask("create_application", name="Not A Name", repository=repository.url)
    assert (status, problem["errors"][0]["pointer"]) == (422, "/name")
    status, problem = developer.ask("create_application", name="inside", repository="http://127.0.0.1:1/x")
    assert (status, problem["errors"][0]["pointer"]) == (422, "/repository")
    status, problem = developer.ask("create_application", name="x", repository=repository.url, owner="me")
    assert status == 422, "unknown fields are refused"
    application = developer.create(repository)
    stranger = Developer(developer.world, developer.worker, uuid.uuid4())
    for function, more in (("application", {}), ("deployments", {}), ("deploy", {"environment": "staging"}), ("destroy_application", {})):
        assert stranger.ask(function, applicationId=application, **more)[0] == 404
    assert developer.ask("deploy", applicationId=application, environment="moon")[0] == 404
    assert developer.ask("deploy", applicationId=application, environment="staging", ref="--upload-pack=x")[0] == 422


def test_a_second_deployment_at_once_is_refused(developer: Developer, repositories: Repositories) -> None:
    repository = repositories.make("twice")
    repository.commit(files("one"))
    application = developer.create(repository)
    assert developer.ask("deploy", applicationId=application, environment="staging")[0] == 202
    status, problem = developer.ask("deploy", applicationId=application, environment="staging")
    assert (status, problem["type"].rpartition("/")[2]) == (409, "deployment-in-progress")


def test_health_tells_of_the_database(developer: Developer) -> None:
    status, health = developer.ask("health")
    assert (status, health["status"], health["service"], health["metadata"]["database"]["connected"]) == (200, "healthy", "deploy-service", True)
    assert health["metadata"]["memory"]["unit"] == "MB"


def test_a_machine_that_is_killed_in_the_middle_of_a_build_comes_back_and_the_deployment_ends_as_it_should(
    developer: Developer, repositories: Repositories, world: DeployWorld
) -> None:
    repository = repositories.make("killed")
    slow = "import time\nfrom setuptools import setup\ntime.sleep(5)\nsetup(name='slow', version='1', py_modules=[])\n"
    project = '[project]\nname = "slow"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    repository.commit({**files("survivor"), "pyproject.toml": project, "setup.py": slow, "requirements.txt": "./\n"})
    application = developer.create(repository)
    status, requested = developer.ask("deploy", applicationId=application, environment="staging")
    assert status == 202
    namespace = f"app-{developer.ask('application', applicationId=application)[1]['name']}"
    until(lambda: "==> Installing" in _build_log(world, namespace), 30, "for the build to be in its middle")

    world.machine.stop(signal.SIGKILL)
    world.machine.start()

    done = developer.ended(application, requested["id"])
    assert done["status"] == "succeeded", f"{done['reason']}: {done['detail']}\n{world.machine.log[-3000:]}"
    assert developer.get(done["url"]) == "200 survivor"


def _build_log(world: DeployWorld, namespace: str) -> str:
    try:
        pods = world.machine.core.list_namespaced_pod(namespace, label_selector="capsule.dev/component=build").items
        return "".join(str(world.machine.core.read_namespaced_pod_log(pod.metadata.name, namespace)) for pod in pods)
    except ApiException:
        return ""  # neither namespace nor pod is there yet
