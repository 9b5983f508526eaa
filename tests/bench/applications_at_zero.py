"""A Capsule with many applications: how they are created, woken and measured (`many`)."""

import json
import time
from contextlib import suppress
from typing import Any

import psutil
import psycopg

from knative.machine import processes
from knative.machine.cluster import Cluster
from knative.machine.knative_process import KNATIVE
from knative.machine.postgres import PostgreSQL
from tests.bench import usage
from tests.bench.installations import Installation, Json
from tests.bench.load import Missing
from tests.bench.meter import Numbers
from tests.bench.platform_rows import Platform
from tests.bench.systems import until

APPLICATION = "capsule.dev/application"
IMAGE = "capsule.local/capsule:dev"
PROGRAM = """
import http.server, os, socketserver
socketserver.TCPServer(("0.0.0.0", int(os.environ["PORT"])), http.server.BaseHTTPRequestHandler).serve_forever()
"""
"""Of an application: it does nothing, so that what is measured is ours."""
SERVER = "http.server"
SETTLE_SECONDS, WAKE_SECONDS = 5, 300
QUOTA_SQL = "UPDATE quotas SET applications = 1000000, memory_mib = 100000000 WHERE applications < 1000000"


def application(number: int) -> list[Json]:
    """The objects of one application: a Namespace and a Service at zero."""
    name = f"many-{number}"
    namespace, labels = f"app-{name}", _labels(number)
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}},
        service(number, "0"),
    ]


def service(number: int, min_scale: str) -> Json:
    """`min_scale`: "0" or "1"; the instances there are at least, and at first."""
    name = f"many-{number}"
    labels = _labels(number)
    container = {"name": "web", "image": IMAGE, "command": ["python", "-c", PROGRAM]}
    annotations = {"autoscaling.knative.dev/initial-scale": min_scale, "autoscaling.knative.dev/min-scale": min_scale}
    template = {"metadata": {"annotations": annotations, "labels": labels}, "spec": {"containers": [container]}}
    metadata = {"name": name, "namespace": f"app-{name}", "labels": labels}
    return {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": metadata, "spec": {"template": template}}


def _labels(number: int) -> dict[str, str]:
    return {APPLICATION: f"00000000-0000-4000-8000-{number:012d}"}


class Machine:
    """A running installation, and the Knative process in it."""

    def __init__(self, installation: Installation) -> None:
        self._installation, self.name = installation, installation.name
        self.home, self.cluster, self.created = installation.home, Cluster(installation.home), 0
        self.platform = Platform(installation)
        self._awake: list[Json] = []
        with psycopg.connect(PostgreSQL(self.home).database("deploy").functions_url) as connection:
            connection.execute(QUOTA_SQL)

    @property
    def process(self) -> psutil.Process:
        found = processes.find_running(self.home, KNATIVE)
        if found is None:
            raise Missing("the Knative process has ended")
        return found

    def cpu(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system

    def grow(self, count: int) -> Numbers:
        """Create applications until there are `count`. Milliseconds of CPU for each."""
        before, first, started_at = self.cpu(), self.created, time.monotonic()
        objects = [each for number in range(first, count) for each in application(number)]
        self.cluster.apply(objects, "bench")
        services = [each for each in objects if each["kind"] == "Service"]
        self.cluster.wait_until_ready(services, 120, lambda ready, of: None)
        self.created = count
        each = 1000 / (count - first)
        numbers = {"cpu": (self.cpu() - before) * each, "wall": (time.monotonic() - started_at) * each}
        self.platform.grow(count)
        return numbers

    def memory(self) -> float:
        return float(self.process.memory_full_info().pss) / 1e6

    def list_services(self, namespace: str | None, times: int = 10) -> Numbers:
        """Milliseconds of waiting and of CPU, without the client's decoding."""
        services = self.cluster.dynamic.resources.get(api_version="serving.knative.dev/v1", kind="Service")
        before = self.cpu()
        took = _timed(lambda: services.get(namespace=namespace, serialize=False), times)
        return {"ms": took[times // 2], "cpu": (self.cpu() - before) / times * 1000}

    def at_rest(self, seconds: float) -> float:
        """Percent of one core."""
        time.sleep(SETTLE_SECONDS)
        before = self.cpu()
        time.sleep(seconds)
        return (self.cpu() - before) / seconds * 100

    def up_again(self) -> float:
        """Seconds of `up` after `down`."""
        self._installation.run_task("down")
        started_at = time.monotonic()
        self._installation.run_task("up")
        return time.monotonic() - started_at

    # --- awake applications

    def wake(self, count: int) -> None:
        """Give the first applications an instance that stays."""
        self._awake = [service(number, "1") for number in range(count)]
        self.cluster.apply(self._awake, "bench")
        self.cluster.wait_until_ready(self._awake, WAKE_SECONDS, lambda ready, of: None)
        until(lambda: len(self._servers()) >= count, WAKE_SECONDS, f"for {count} instances of {self.name}")

    def sleep(self) -> None:
        self.cluster.apply([service(number, "0") for number in range(len(self._awake))], "bench")
        self._awake = []

    def awake_memory(self) -> Numbers:
        """MB of the Knative process, of the awake applications, and of the other processes of their pods."""
        servers = self._servers()
        own = {each.pid for each in servers}
        sandboxes = [each for each in self._pods() if each.pid not in own]
        return {"memory": self.memory(), "sandboxes": _resident(sandboxes), "applications": _resident(servers)}

    def _pods(self) -> list[psutil.Process]:
        """Every process of the applications' pods, by the records of the pods' first processes."""
        found = []
        for record in (self.home.path / "knative" / "pods").glob("app-many-*/*/process.json"):
            with suppress(*usage.ENDED):
                found += usage.tree(psutil.Process(int(json.loads(record.read_text())["pid"])))
        return found

    def awake_share(self, seconds: float) -> Numbers:
        """Percent of a core of the Knative process, and of all of its processes."""
        time.sleep(SETTLE_SECONDS)
        before = self.cpu(), usage.cpu_seconds([self.process])
        time.sleep(seconds)
        own, everything = self.cpu() - before[0], usage.cpu_seconds([self.process]) - before[1]
        return {"share": own / seconds * 100, "with all instances": everything / seconds * 100}

    def _servers(self) -> list[psutil.Process]:
        """The applications' own processes."""
        return [each for each in usage.tree(self.process) if _is_server(each)]


def _is_server(process: psutil.Process) -> bool:
    try:
        command = process.cmdline()
        return command[0].endswith(("python", "python3")) and command[1] == "-c" and SERVER in command[2]
    except (*usage.ENDED, IndexError):
        return False


def _resident(found: list[psutil.Process]) -> float:
    total = 0
    for process in found:
        try:
            total += process.memory_full_info().pss
        except usage.ENDED:
            continue
    return total / 1e6


def _timed(send: Any, times: int) -> list[float]:
    """Milliseconds of each call, sorted."""
    took = []
    for _ in range(times):
        started_at = time.perf_counter()
        send()
        took.append((time.perf_counter() - started_at) * 1000)
    return sorted(took)
