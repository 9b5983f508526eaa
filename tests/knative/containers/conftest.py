"""A machine that builds Dockerfiles and runs their images as Services."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from knative.local.sandbox.isolation import detect
from knative.local.sandbox.plan import Isolation
from knative.machine import packages
from tests.builder.repositories import Repositories, serving
from tests.knative.jobs.builds import read_log, terminated
from tests.knative.jobs.objects import finished, job, pods
from tests.knative.machine import PLATFORM, Machine, service
from tests.knative.sandbox.modes import running

ANNOTATIONS = {"local.capsule.dev/push": "/workspace/image", "local.capsule.dev/cache": "cache", "local.capsule.dev/dockerfiles": "allowed"}
RESOURCES = {"limits": {"memory": "512Mi", "cpu": "1"}}


def busybox() -> bytes:
    """Return a program that serves HTTP and is a shell, without libraries: enough for the root file system of an image."""
    packages.install([packages.BUSYBOX], print)
    found = packages.BUSYBOX.find()
    assert found is not None
    return found.read_bytes()


@dataclass(frozen=True)
class Built:
    code: int
    message: dict[str, Any]
    log: str

    @property
    def reason(self) -> str:
        return f"{self.message.get('reason')}: {self.message.get('detail')}"


class ImageMachine:
    """`build` runs a build as the deploy context does; `serve` runs its image."""

    def __init__(self, machine: Machine, repositories: Repositories) -> None:
        self.machine, self.repositories = machine, repositories
        self.namespace = machine.namespace()
        self._count = 0

    def build(
        self, files: dict[str, str | bytes] | None = None, mounts: dict[str, dict[str, str]] | None = None, disk: str = "2Gi", **variables: str
    ) -> Built:
        """`mounts`: the content of the folders of build variables and build secrets. `disk`: the size of the workspace."""
        self._count += 1
        name = f"build-{self._count}"
        if files is not None:
            repository = self.repositories.create(f"{self.namespace}-{name}")
            repository.commit(files)
            variables["REPOSITORY"] = repository.url
        hosts = " ".join([self.repositories.host, variables.pop("HOSTS", "")])
        variables = {"IMAGE": "capsule.local/apps/x", "REPOSITORY_HOSTS": hosts, "BUILD_ENVIRONMENT": "REGISTRY_MIRROR", **variables}
        volumes: list[dict[str, Any]] = [{"name": "workspace", "emptyDir": {"sizeLimit": disk}}, {"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}}]
        volume_mounts = [{"name": "workspace", "mountPath": "/workspace"}, {"name": "cache", "mountPath": "/cache"}]
        for kind, content in (mounts or {}).items():
            self.machine.core.create_namespaced_secret(self.namespace, {"metadata": {"name": f"{name}-{kind}"}, "stringData": content})
            volumes.append({"name": kind, "secret": {"secretName": f"{name}-{kind}"}})
            volume_mounts.append({"name": kind, "mountPath": f"/run/capsule/build/{kind}"})
        environment = [{"name": key, "value": value} for key, value in variables.items()]
        body = job(
            name, "", command=["python", "-m", "knative.builder"], spec={"backoffLimit": 0}, resources=RESOURCES, volumeMounts=volume_mounts,
            env=environment, annotations=ANNOTATIONS, pod={"volumes": [*volumes, {"name": "clone", "emptyDir": {"sizeLimit": "64Mi"}}]},
        )  # fmt: skip
        clone_mounts = [{"name": "workspace", "mountPath": "/workspace"}, {"name": "clone", "mountPath": "/tmp/clone"}]
        clone = {"name": "clone", "image": PLATFORM, "command": ["python", "-m", "knative.builder.clone"], "env": environment}
        body["spec"]["template"]["spec"]["initContainers"] = [{**clone, "resources": RESOURCES, "volumeMounts": clone_mounts}]
        self.machine.batch.create_namespaced_job(self.namespace, body)
        finished(self.machine, self.namespace, name, 300)
        (pod,) = pods(self.machine, self.namespace, name)
        ended, log = terminated(pod), read_log(self.machine, self.namespace, pod)
        message = ended.message or ""
        return Built(ended.exit_code, json.loads(message) if message.startswith("{") else {"detail": message}, log)

    def serve(self, built: Built, **container: Any) -> dict[str, Any]:
        """Start the image, and return its Service once it is ready."""
        assert built.code == 0, built.log
        self._count += 1
        name = f"app-{self._count}"
        body = service(self.namespace, name, **container)
        (only,) = body["spec"]["template"]["spec"]["containers"]
        only["image"] = built.message["image"]
        if "command" not in container:
            del only["command"]
        self.machine.create(body)
        return self.machine.ready(self.namespace, name, 60)

    def get(self, built: Built, path: str = "/", **container: Any) -> str:
        """Return what the image's application answers."""
        with self.machine.http(self.serve(built, **container)) as http:
            answer = http.get(path)
            assert answer.status_code == 200, answer.text
            return answer.text


@pytest.fixture(scope="session")
def image_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageMachine]:
    if detect() is not Isolation.ROOT:
        pytest.skip("images with a root file system of their own need root")
    packages.install([packages.BUILDAH], print)
    with serving(tmp_path_factory.mktemp("repositories")) as repositories, running("own account") as machine:
        yield ImageMachine(machine, repositories)
