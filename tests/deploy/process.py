"""The deploy context as a process: its functions with the service account and permissions of their manifests, RabbitMQ, PostgreSQL
and the one-machine Knative, whose ApiServerSource sends cluster events. And a developer, who sends requests as the gateway does."""

import json
import os
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

from events.auth import QuotaRequested
from functions.runtime.config.registry import Registry
from functions.runtime.config.settings import Settings
from functions.runtime.messaging.exchanges import COMMANDS, EVENTS, REPLIES
from functions.runtime.security import encryption, tokens
from functions.runtime.serving import topology
from tests.builder.conftest import INHERITED, ROOT
from tests.builder.repositories import Repositories, Repository, serving
from tests.deploy import account
from tests.deploy.deploy_capsule import TEMPLATE
from tests.knative.eventing import conftest as objects
from tests.knative.machine import Machine
from tests.runtime.harness import Worker, World, until
from tests.runtime.messages import message, request
from tests.servers import free_offset

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
        private = encryption.new_private_keys()
        self._mount("etc/capsule/sealing/keys.json", private)
        self._mount("etc/capsule/sealing-public/deploy.json", encryption.public_key(private))
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
        inherited = {f"CAPSULE_BUILD_{name}": os.environ[name] for name in INHERITED}
        return {
            **super().environment(),
            **inherited,
            "CAPSULE_BUILD_ENV": ",".join(INHERITED),
            "CAPSULE_FUNCTION": "deploy.*",
            "CAPSULE_DEPLOY_DATABASE_URL": self.database,
            "CAPSULE_REPOSITORY_HOSTS": self.hosts,
            "CAPSULE_OBSERVATION_SECONDS": "1",
            "CAPSULE_COLLECTION_SECONDS": "1",
            "KUBECONFIG": str(self.folder / "kubeconfig"),
        }

    def sealed(self, secret: str) -> str:
        return encryption.Sealer(Settings({"CAPSULE_ROOT": str(self.folder)})).seal("deploy", secret)

    def give_account(self) -> None:
        account.give_account(self.machine.api, self.machine.home / "kubeconfig", self.folder / "kubeconfig")

    def subscribe_to_cluster_events(self, worker: Worker) -> None:
        """Create the ApiServerSource of knative/base, with the function as its sink instead of the Broker."""
        manifests = yaml.load_all((ROOT / "knative/base/deploy.yaml").read_text(), yaml.CSafeLoader)
        (source,) = [each for each in manifests if each["kind"] == "ApiServerSource"]
        source["spec"]["sink"] = {"uri": f"http://127.0.0.1:{worker.port}/deploy.on_object_updated"}
        self._create("/apis/sources.knative.dev/v1/namespaces/capsule/apiserversources", source)

    def subscribe_to_measurements(self, worker: Worker) -> None:
        """Create a Broker for the machine's collector, and a Trigger for what it measures."""
        config, broker = ({**each, "metadata": {**each["metadata"], "namespace": "capsule"}} for each in objects.broker("capsule"))
        broker["spec"]["config"]["namespace"] = "capsule"
        url = f"http://127.0.0.1:{worker.port}/deploy.on_requests_measured"
        trigger = objects.trigger("measurements", url, "requests.measured", broker="capsule")
        trigger["metadata"]["namespace"] = "capsule"
        metadata = {"name": "capsule-collector", "namespace": "capsule"}
        collector = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"broker": "capsule"}}
        self._create("/apis/eventing.knative.dev/v1alpha1/namespaces/capsule/rabbitmqbrokerconfigs", config)
        self._create("/apis/eventing.knative.dev/v1/namespaces/capsule/brokers", broker)
        self._create("/apis/eventing.knative.dev/v1/namespaces/capsule/triggers", trigger)
        self._create("/api/v1/namespaces/capsule/configmaps", collector)

    def _create(self, path: str, body: Any) -> None:
        api, header = self.machine.api, {"Content-Type": "application/json"}
        api.call_api("POST", api.configuration.host + path, {**header, **self._authorization()}, body).read()

    def _authorization(self) -> dict[str, str]:
        config = yaml.safe_load((self.machine.home / "kubeconfig").read_text())
        return {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}

    def token(self, user: uuid.UUID) -> str:
        now = int(datetime.now(UTC).timestamp())
        claims = {"iss": "capsule", "aud": "capsule", "sub": str(user), "sid": str(uuid.uuid4()), "roles": ["user"], "jti": "1"}
        key = self.signing["keys"][0]
        return jwt.encode({**claims, "iat": now, "exp": now + 600}, jwt.PyJWK(key), key["alg"], {"kid": key["kid"], "typ": "at+jwt"})


@dataclass
class Developer:
    """A user who sends commands and queries as the gateway does."""

    world: DeployWorld
    worker: Worker
    id: uuid.UUID

    def send(self, function: str, **body: Any) -> tuple[int, Any]:
        headers = request(f"deploy.{function}", token=self.world.token(self.id))
        assert self.worker.post(headers, json.dumps(body).encode(), f"/deploy.{function}") == 204
        reply, answer = self.world.reply(headers["correlationid"])
        return int(reply["status"]), answer

    def create(self, repository: Repository) -> str:
        status, application = self.send("create_application", name=f"a{uuid.uuid4().hex[:8]}", repository=repository.url)
        assert status == 201, application
        return str(application["id"])

    def deploy(self, application: str, environment: str = "staging", **fields: str) -> Any:
        return self.run_deployment("deploy", application, environment=environment, **fields)

    def run_deployment(self, function: str, application: str, **fields: Any) -> Any:
        """Call a command that starts a deployment, and wait until the deployment ends."""
        status, requested = self.send(function, applicationId=application, **fields)
        assert status == 202, requested
        return self.wait_for_end(application, requested["id"])

    def wait_for_end(self, application: str, deployment: str) -> Any:
        def poll() -> Any:
            status, view = self.send("deployment", applicationId=application, deploymentId=deployment)
            assert status == 200, view
            return view if view["finishedAt"] else time.sleep(0.2)

        return until(poll, 120, "for the deployment's end")

    def get(self, url: str, path: str = "/") -> str:
        response = httpx.get(self.world.machine.ingress + path, headers={"Host": httpx.URL(url).host}, timeout=30)
        return f"{response.status_code} {response.text}"


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    with serving(tmp_path_factory.mktemp("git")) as repositories:
        yield repositories


@pytest.fixture(scope="session")
def hosts(repositories: Repositories) -> str:
    """Private hosts that the operator allows. A test module may override it."""
    return repositories.host


@pytest.fixture(scope="session")
def world(postgres: Any, rabbitmq: Any, hosts: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployWorld]:
    vhost = rabbitmq.vhost()
    machine = Machine(tmp_path_factory.mktemp("machine"), free_offset(), environment={"CAPSULE_AMQP_URL": vhost})
    machine.start()
    machine.namespace("capsule")
    database = postgres.database("deploy")
    folder: Path = tmp_path_factory.mktemp("deploy")
    world = DeployWorld(database.functions_url, database.owner_url, vhost, folder, machine=machine, hosts=hosts)
    world.prepare()
    world.give_account()
    yield world
    world.close()
    assert machine.stop() == 0, machine.log


@pytest.fixture(scope="session")
def worker(world: DeployWorld) -> Worker:
    worker = world.worker()
    world.pump(lambda: worker.port)
    world.subscribe_to_cluster_events(worker)
    world.subscribe_to_measurements(worker)
    return worker


@pytest.fixture
def developer(world: DeployWorld, worker: Worker) -> Developer:
    developer = Developer(world, worker, uuid.uuid4())
    request = QuotaRequested(user_id=developer.id, at=datetime.now(UTC))
    assert worker.post(message("quota.requested"), request.model_dump_json(by_alias=True).encode(), "/deploy.on_quota_requested") == 204
    return developer
