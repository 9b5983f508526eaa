"""The whole of Capsule as a person has it after `./taskw up`, in a state folder and on ports of its own, and what can be done to it from outside.

It is started by the command itself and used over HTTP, with the mailbox, git and `kubectl` beside it, as a client has them. Functions leave after
six idle seconds instead of sixty (Knative's least `stable-window`), so that tests see them go, and most calls find their function at zero.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
from filelock import FileLock

from knative.machine import kustomize, leftovers, processes, repositories
from knative.machine.cluster import Cluster
from knative.machine.home import LOOPBACK, PROJECT, Home
from tests.servers import HOME
from tests.waiting import wait_limit

WINDOW = "6s"
TASK_SECONDS = 600
SERVICE = "serving.knative.dev/service"
GATEWAY = "edge-gateway"
Json = dict[str, Any]
T = TypeVar("T")


def until(look: Callable[[], T], seconds: float = 60.0, why: str = "", every: float = 0.1) -> T:
    """What `look` finds as soon as it finds something."""
    end = time.monotonic() + wait_limit(seconds)
    while not (found := look()):
        assert time.monotonic() < end, f"waited {seconds:g} s in vain {why}; last: {found!r}"
        time.sleep(every)
    return found


@dataclass
class Whole:
    home: Home

    # --- as an operator

    def task(self, *words: str) -> str:
        """Runs what `./taskw` runs; its output. The test fails with it when it ends with another code than 0."""
        command = [sys.executable, "-m", "knative.machine", *words]
        done = subprocess.run(
            command, cwd=PROJECT, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=wait_limit(600)
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def start_task(self, *words: str, output: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Starts what `./taskw` runs, in a session of its own. Its output goes to `output`."""
        command = [sys.executable, "-m", "knative.machine", *words]
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=PROJECT, env=self.environment(), start_new_session=True, **streams)

    def environment(self) -> dict[str, str]:
        """Of a task: with the kubectl of this run."""
        return {**self.home.child_environment(), "PATH": f"{kubectl_folder()}:{os.environ['PATH']}"}

    def up(self, *words: str) -> str:
        output = self.task("up", *words)
        cluster = self.cluster
        (settings,) = [each for each in cluster.find("v1", "ConfigMap", "knative-serving") if each["metadata"]["name"] == "config-autoscaler"]
        if settings["data"].get("stable-window") != WINDOW:
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config-autoscaler", "namespace": "knative-serving"}}
            cluster.apply([{**body, "data": {"stable-window": WINDOW}}], "tests")
        return output

    def kill_everything(self) -> int:
        """SIGKILL to every process at once, until none is left: a power failure, but for the disk. How many there were."""
        killed = 0
        while left := leftovers.find_leftovers(self.home):
            for process in left:
                try:
                    process.send_signal(signal.SIGKILL)
                    killed += 1
                except psutil.NoSuchProcess:
                    continue
            processes.wait_until_ended(left, 5)
        return killed

    def kubectl(self, *words: str) -> str:
        environment = {**os.environ, "KUBECONFIG": str(self.home.kubeconfig), "HOME": str(self.home.run)}
        done = subprocess.run([kubectl_folder() / "kubectl", *words], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.home)

    def pods(self) -> dict[str, set[int]]:
        """Services that have processes: "namespace/name" -> the first process of each pod."""
        found: dict[str, set[int]] = {}
        for pod in self.cluster.find("v1", "Pod"):
            name = (pod["metadata"].get("labels") or {}).get(SERVICE)
            if name and (pod.get("status") or {}).get("phase") in ("Pending", "Running"):
                found.setdefault(f"{pod['metadata']['namespace']}/{name}", set()).update(self._pids(pod["metadata"]))
        return found

    def _pids(self, metadata: Json) -> set[int]:
        record = self.home.path / "knative" / "pods" / metadata["namespace"] / metadata["name"] / "process.json"
        return {int(json.loads(record.read_text())["pid"])} if record.exists() else set()

    # --- as a client

    @property
    def gateway(self) -> str:
        return f"http://{LOOPBACK}:{self.home.ports.gateway}"

    def send(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> httpx.Response:
        options = {"json": body} if body is not None else {}
        with httpx.Client(base_url=self.gateway, timeout=40, trust_env=False, verify=False) as client:
            return client.request(method, path, headers=headers, content=content, **options)

    def is_ready(self) -> bool:
        """Whether the gateway answers and is ready."""
        try:
            return self.send("GET", "/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def visit(self, url: str, path: str = "/", **query: str) -> httpx.Response:
        """Opens an application's address; *.localhost is this machine, whatever its resolver says."""
        target = f"http://{LOOPBACK}:{self.home.ports.ingress}{path}"
        return httpx.get(target, params=query, headers={"Host": httpx.URL(url).netloc.decode()}, timeout=60, trust_env=False, verify=False)

    def repository(self, name: str, files: Mapping[str, str]) -> repositories.Repository:
        """A real git repository, served by git over HTTP."""
        return repositories.create(self.home, name, files)


def kubectl_folder() -> Path:
    """kubectl for every whole of this run: the machine's, the project's, or fetched once."""
    folder = Path(os.environ[HOME]) / "bin"
    with FileLock(folder.parent / "kubectl.lock"):
        if not (folder / "kubectl").exists():
            folder.mkdir(exist_ok=True)
            known = shutil.which("kubectl") or PROJECT / ".capsule" / "bin" / "kubectl"
            if Path(known).exists():
                (folder / "kubectl").symlink_to(known)
            else:
                kustomize.kubectl(Home(folder.parent))
    return folder
