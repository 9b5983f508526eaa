"""A real server process of the one-machine API with its own port and state folder, and clients for it."""

import base64
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient

from knative.local import definitions
from knative.local.store import Store
from tests.servers import free_offset
from tests.waiting import wait_limit

API_PORT = 7030


@dataclass
class Server:
    """`python -m knative.local serve --parts api`, which can be stopped and started again on the same state."""

    home: Path
    offset: int
    process: "subprocess.Popen[bytes] | None" = None
    environment: dict[str, str] = field(default_factory=dict)
    module: str = "knative.local"

    @property
    def kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    @property
    def log(self) -> str:
        return (self.home / "server.log").read_text()

    def start(self) -> None:
        environment = {**os.environ, "CAPSULE_HOME": str(self.home), "CAPSULE_PORT_OFFSET": str(self.offset), **self.environment}
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", self.module, "serve", "--parts", "api"], env=environment, stderr=log)
        ready = self.log.count(": ready")
        deadline = time.monotonic() + wait_limit(30)
        while self.log.count(": ready") <= ready or not self._listens():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(wait_limit(15))

    def client(self, kubeconfig: Path | None = None) -> client.ApiClient:
        return config.new_client_from_config(config_file=str(kubeconfig or self.kubeconfig))

    def http(self, kubeconfig: Path | None = None, token: str | None = None) -> httpx.Client:
        """Return an HTTP client, for requests that client libraries do not make."""
        instance = yaml.safe_load((kubeconfig or self.kubeconfig).read_text())
        cluster, user = instance["clusters"][0]["cluster"], instance["users"][0]["user"]
        trust = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        header = {"Authorization": f"Bearer {token or user['token']}"} if token != "" else {}
        return httpx.Client(base_url=cluster["server"], verify=trust, headers=header, timeout=10)

    def store(self) -> Store:
        """Open the store of a stopped server, to write what only reconcilers write."""
        return Store(self.home / "knative" / "store.db", definitions.load())

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", API_PORT + self.offset)) == 0


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Shared by tests that leave it running; each has its own namespace."""
    instance = Server(tmp_path_factory.mktemp("capsule"), free_offset())
    instance.start()
    yield instance
    assert instance.stop() == 0, instance.log
    assert "Traceback" not in instance.log, instance.log


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """For tests that stop, kill or fill their server."""
    instance = Server(tmp_path, free_offset())
    instance.start()
    yield instance
    if instance.process is not None and instance.process.poll() is None:
        instance.stop()


@pytest.fixture
def api(server: Server) -> Iterator[client.ApiClient]:
    with server.client() as instance:
        yield instance


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with server.http() as instance:
        yield instance


@pytest.fixture
def core(api: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(api)


@pytest.fixture
def custom(api: client.ApiClient) -> client.CustomObjectsApi:
    return client.CustomObjectsApi(api)


@pytest.fixture
def dynamic(api: client.ApiClient) -> DynamicClient:
    return DynamicClient(api)


@pytest.fixture
def namespace(core: client.CoreV1Api) -> str:
    name = f"test-{uuid.uuid4().hex[:8]}"
    core.create_namespace({"metadata": {"name": name}})
    return name


def service(name: str, namespace: str, image: str = "capsule.local/capsule:dev", **spec: Any) -> dict[str, Any]:
    """Return a Knative Service as clients write it."""
    return {
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {"spec": {"containers": [{"image": image}], **spec}}},
    }  # fmt: skip


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def eventually(true: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + wait_limit(seconds)
    while not true():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)
