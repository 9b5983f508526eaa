"""The one-machine Knative in its own process (`python -m knative.local serve`), as a cluster."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kubernetes import client, config
from kubernetes.client.rest import ApiException
from urllib3.exceptions import HTTPError

from tests.knative.conformance.cluster import Cluster, until
from tests.waiting import wait_limit

PROJECT = Path(__file__).resolve().parents[3]


class OneMachine:
    def __init__(self, home: Path, offset: int, amqp_url: str, shared: Path | None) -> None:
        self.home = home
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}
        self.environment = inherited | {
            "CAPSULE_HOME": str(home),
            "CAPSULE_PORT_OFFSET": str(offset),
            "CAPSULE_AMQP_URL": amqp_url,
            "CAPSULE_DISPATCHER_STOP": "dead-letter",
            "CAPSULE_SHARED_FOLDERS": str(shared or ""),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        home_log = self.home / "serve.log"
        with home_log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "knative.local", "serve"], cwd=PROJECT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        until(self._answers, failure=f"the one-machine Knative did not start:\n{home_log.read_text()[-3000:]}")

    def _answers(self) -> bool:
        if not (self.home / "kubeconfig").exists():
            return False
        try:
            with socket.create_connection(("127.0.0.1", 7030 + int(self.environment["CAPSULE_PORT_OFFSET"])), 1):
                client.VersionApi(config.new_client_from_config(str(self.home / "kubeconfig"))).get_code(_request_timeout=2)
        except (OSError, ApiException, HTTPError, config.ConfigException):
            return False
        return True

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(wait_limit(10))

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(60)


@contextmanager
def one_machine_cluster(home: Path, offset: int, amqp_url: str, shared: Path | None = None) -> Iterator[Cluster]:
    """Run the one-machine Knative. `shared`: a folder that pods of the platform's namespace may write to."""
    machine = OneMachine(home, offset, amqp_url, shared)
    machine.start()

    def kill(_: str) -> None:
        machine.kill()
        machine.start()

    try:
        cluster = Cluster(home / "kubeconfig", amqp_url, amqp_url, "capsule", "capsule.local/capsule:dev", ("rabbitmq", "rabbitmq"))
        cluster.kill_dispatcher, cluster.supports_consuming = kill, True
        core = client.CoreV1Api(cluster.api.api_client)
        with suppress(ApiException):
            core.create_namespace({"metadata": {"name": "capsule"}})
        yield cluster
    finally:
        machine.stop()
