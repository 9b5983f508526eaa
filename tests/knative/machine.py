"""A whole one-machine Knative for a test: a real process, used through its API and its ingress."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml
from kubernetes import client, config
from kubernetes.client import ApiException

from knative.local.processes.procfs import stat_fields
from tests.waiting import pause, wait_limit

GROUP, VERSION = "serving.knative.dev", "v1"
PLATFORM = "capsule.local/capsule:dev"
SAMPLE = ["python", "-m", "tests.knative.serving.sample"]
Object = dict[str, Any]
T = TypeVar("T")


def until(look: Callable[[], T], seconds: float = 20.0, every: float = 0.05) -> T:
    """Call `look` until it returns something true, and return that. Raises AssertionError after `seconds`."""
    start = time.monotonic()
    while True:
        found = look()
        if found:
            return found
        waited = time.monotonic() - start
        assert waited < wait_limit(seconds), f"not within {seconds} s; last: {found!r}"
        time.sleep(pause(waited, every))


@dataclass
class Machine:
    home: Path
    offset: int
    environment: dict[str, str] = field(default_factory=dict)
    module: str = "knative.local"
    """The module to run."""
    wrapped: Callable[[Path, list[str]], list[str]] = lambda home, command: command
    """Returns the command that runs a command in another way, for example as another user."""
    descriptors: tuple[int, ...] = ()
    """What the process inherits."""
    process: "subprocess.Popen[bytes] | None" = None
    _api: client.ApiClient | None = None

    def start(self) -> None:
        self._api = None
        environment = {**os.environ, "CAPSULE_HOME": str(self.home), "CAPSULE_PORT_OFFSET": str(self.offset), **self.environment}
        starts = self.log.count("knative.local: ready")
        with (self.home / "log.txt").open("ab") as log:
            command = self.wrapped(self.home, [sys.executable, "-m", self.module, "serve"])
            self.process = subprocess.Popen(command, env=environment, stderr=log, stdout=log, start_new_session=True, pass_fds=self.descriptors)

        def ready() -> bool:
            assert self.process is not None and self.process.poll() is None, self.log
            return self.log.count("knative.local: ready") > starts

        until(ready, 60)

    @property
    def log(self) -> str:
        path = self.home / "log.txt"
        return path.read_text() if path.exists() else ""

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(wait_limit(30))

    @property
    def is_root(self) -> bool:
        assert self.process is not None
        return os.stat(f"/proc/{self.process.pid}").st_uid == 0

    @property
    def has_disks(self) -> bool:
        return "disk by the kernel" in self.isolation

    @property
    def has_caches(self) -> bool:
        return "no ID-mapped mounts" not in self.isolation

    @property
    def isolation(self) -> str:
        """The report about its sandbox, as `up` prints it."""
        return (self.home / "knative" / "isolation").read_text()

    @property
    def ingress(self) -> str:
        return f"http://127.0.0.1:{7080 + self.offset}"

    @property
    def api(self) -> client.ApiClient:
        """A client with kept connections, of the present start: one for each look would take more CPU than the look."""
        if self._api is None:
            self._api = config.new_client_from_config(config_file=str(self.home / "kubeconfig"))
        return self._api

    @property
    def core(self) -> client.CoreV1Api:
        return client.CoreV1Api(self.api)

    @property
    def batch(self) -> client.BatchV1Api:
        return client.BatchV1Api(self.api)

    @property
    def custom(self) -> client.CustomObjectsApi:
        return client.CustomObjectsApi(self.api)

    def enable_feature(self, name: str) -> None:
        """Switch a feature of Knative Serving on, as an operator does (config-features)."""
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config-features"}, "data": {name: "enabled"}}
        try:
            self.core.create_namespaced_config_map("knative-serving", body)
        except ApiException as error:
            if error.status != 409:
                raise
            self.core.patch_namespaced_config_map("config-features", "knative-serving", {"data": body["data"]})

    def namespace(self, name: str | None = None) -> str:
        name = name or f"t-{uuid.uuid4().hex[:8]}"
        self.core.create_namespace({"metadata": {"name": name}})
        return name

    # --- Services

    def create(self, service: Object) -> Object:
        created: Object = self.custom.create_namespaced_custom_object(GROUP, VERSION, service["metadata"]["namespace"], "services", service)
        return created

    def patch(self, namespace: str, name: str, patch: Object) -> Object:
        created: Object = self.custom.patch_namespaced_custom_object(GROUP, VERSION, namespace, "services", name, patch)
        return created

    def get(self, plural: str, namespace: str, name: str) -> Object:
        found: Object = self.custom.get_namespaced_custom_object(GROUP, VERSION, namespace, plural, name)
        return found

    def delete(self, namespace: str, name: str) -> None:
        self.custom.delete_namespaced_custom_object(GROUP, VERSION, namespace, "services", name)

    def ready(self, namespace: str, name: str, seconds: float = 40.0) -> Object:
        """Wait until a Service is Ready for its present generation, and return it.

        Fails at once with its reason when it is not Ready.
        """

        def look() -> Object | None:
            service = self.get("services", namespace, name)
            found = condition(service, "Ready")
            current = service.get("status", {}).get("observedGeneration") == service["metadata"]["generation"]
            assert not (current and found.get("status") == "False"), f"{found}\n{self.log[-2000:]}"
            return service if current and found.get("status") == "True" else None

        return until(look, seconds)

    def failed(self, namespace: str, name: str, seconds: float = 40.0) -> Object:
        def look() -> Object | None:
            service = self.get("services", namespace, name)
            return service if condition(service, "Ready").get("status") == "False" else None

        return until(look, seconds)

    def pods(self, namespace: str, service: str) -> list[client.V1Pod]:
        found: list[client.V1Pod] = self.core.list_namespaced_pod(namespace, label_selector=f"serving.knative.dev/service={service}").items
        return found

    def pids(self, namespace: str, prefix: str = "") -> list[int]:
        """Return the first process of each pod, as this machine numbers them."""
        records = (self.home / "knative" / "pods" / namespace).glob(f"{prefix}*/process.json")
        return [json.loads(record.read_text())["pid"] for record in records]

    def metrics(self) -> str:
        """Return what the API serves to the administrator's Prometheus."""
        [user] = yaml.safe_load((self.home / "kubeconfig").read_text())["users"]
        configuration, headers = self.api.configuration, {"Authorization": f"Bearer {user['user']['token']}"}
        response = httpx.get(f"{configuration.host}/metrics", headers=headers, verify=ssl.create_default_context(cafile=configuration.ssl_ca_cert))
        assert response.status_code == 200, response.text
        return response.text

    @contextmanager
    def http(self, service: Object, timeout: float = 30.0) -> Iterator[httpx.Client]:
        """Yield a client of the ingress with the host of the Service's status.url."""
        host = httpx.URL(service["status"]["url"]).host
        with httpx.Client(base_url=self.ingress, headers={"Host": host}, timeout=timeout) as http:
            yield http


def condition(object: Object, type: str) -> Object:
    return next((each for each in (object.get("status") or {}).get("conditions") or [] if each["type"] == type), {})


def service(
    namespace: str,
    name: str = "sample",
    *,
    annotations: Object | None = None,
    labels: Object | None = None,
    spec: Object | None = None,
    loopback_port: str | None = None,
    **container: Any,
) -> Object:
    """Return the sample application as a Service.

    `container` overrides fields of its container, `spec` of its template's spec.
    """
    service_annotations = {"local.capsule.dev/loopback-port": loopback_port} if loopback_port is not None else {}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}, "annotations": service_annotations},
        "spec": {
            "template": {
                "metadata": {"annotations": annotations or {}},
                "spec": {"containers": [{"image": PLATFORM, "command": SAMPLE, **container}], **(spec or {})},
            }
        },
    }


def alive(pid: int) -> bool:
    """Return whether a process exists and has not ended."""
    fields = stat_fields(pid)
    return fields is not None and fields[0] != b"Z"
