"""`./taskw bench --many`: what 10, 100 and 1,000 applications at zero cost the one-machine Knative.

Each application is a Namespace with a Service that has no pod, as `deploy` creates them, created over the Kubernetes API.

    create       CPU of the Knative process for each application, while their number grows
    memory       proportional set size of the process
    list         GET of all Services, and of one namespace's, in milliseconds
    at rest      share of one core while nothing happens
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence

import psutil

from knative.machine import processes
from knative.machine.cluster import Cluster
from knative.machine.home import Home
from knative.machine.knative_process import KNATIVE
from knative.machine.problems import Problem
from tests.bench.installations import Json, installations, log
from tests.bench.load import Missing
from tests.bench.report import Row, table

SYSTEM = "Capsule"
APPLICATION = "capsule.dev/application"
IMAGE = "capsule.local/capsule:dev"


def application(number: int) -> list[Json]:
    """The objects of one application: a Namespace and a Service at zero."""
    name = f"many-{number}"
    namespace, labels = f"app-{name}", {APPLICATION: f"00000000-0000-4000-8000-{number:012d}"}
    container = {"name": "web", "image": IMAGE, "env": [{"name": "CAPSULE_FUNCTION", "value": "auth.health"}]}
    annotations = {"autoscaling.knative.dev/initial-scale": "0"}
    template = {"metadata": {"annotations": annotations, "labels": labels}, "spec": {"containers": [container]}}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}},
        {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": metadata, "spec": {"template": template}},
    ]


class Machine:
    """The Knative process of a running installation."""

    def __init__(self, home: Home) -> None:
        self.home, self.cluster, self.created = home, Cluster(home), 0

    @property
    def process(self) -> psutil.Process:
        found = processes.find_running(self.home, KNATIVE)
        if found is None:
            raise Missing("the Knative process has ended")
        return found

    def cpu(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system

    def grow(self, count: int) -> dict[str, float]:
        """Create applications until there are `count`. Milliseconds of CPU for each."""
        before, first, started_at = self.cpu(), self.created, time.monotonic()
        objects = [each for number in range(first, count) for each in application(number)]
        self.cluster.apply(objects, "bench")
        services = [each for each in objects if each["kind"] == "Service"]
        self.cluster.wait_until_ready(services, 120, lambda ready, of: None)
        self.created = count
        each = 1000 / (count - first)
        return {"cpu": (self.cpu() - before) * each, "wall": (time.monotonic() - started_at) * each}

    def memory(self) -> float:
        return float(self.process.memory_full_info().pss) / 1e6

    def list(self, namespace: str | None, times: int = 10) -> dict[str, float]:
        """Milliseconds of waiting and of CPU, without the client's decoding."""
        services = self.cluster.dynamic.resources.get(api_version="serving.knative.dev/v1", kind="Service")
        before, took = self.cpu(), []
        for _ in range(times):
            started_at = time.perf_counter()
            services.get(namespace=namespace, serialize=False)
            took.append((time.perf_counter() - started_at) * 1000)
        return {"ms": sorted(took)[times // 2], "cpu": (self.cpu() - before) / times * 1000}

    def at_rest(self, seconds: float) -> float:
        """Percent of one core."""
        time.sleep(5)
        before = self.cpu()
        time.sleep(seconds)
        return (self.cpu() - before) / seconds * 100


def measure(machine: Machine, counts: Sequence[int], seconds: float) -> list[Row]:
    rows: list[Row] = []

    def add(title: str, unit: str, **numbers: float) -> None:
        row = Row(title, unit, next(iter(numbers)), more_is_better=False)
        row.add(SYSTEM, numbers)
        rows.append(row)
        log(f"{title}: " + ", ".join(f"{name} {value:.2f}" for name, value in numbers.items()))

    add("0 applications: memory", "MB", memory=machine.memory(), **{"at rest, % of a core": machine.at_rest(seconds)})
    for count in counts:
        add(f"{count:,} applications: create the last of them", "ms of CPU each", **machine.grow(count))
        add(f"{count:,} applications: memory", "MB", memory=machine.memory())
        add(f"{count:,} applications: list all", "ms", **machine.list(None))
        add(f"{count:,} applications: list one namespace", "ms", **machine.list("app-many-0"))
        add(f"{count:,} applications: at rest", "% of a core", share=machine.at_rest(seconds))
    return rows


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./taskw bench --many", description="Measure many applications at zero.")
    parser.add_argument("--counts", default="10,100,1000", metavar="N,…", help="numbers of applications, ascending (default: 10,100,1000)")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S", help="seconds at rest (default: 30)")
    options = parser.parse_args(arguments)
    try:
        with installations(None) as (installation,):
            rows = measure(Machine(installation.home), [int(each) for each in options.counts.split(",")], options.seconds)
    except (Missing, Problem) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    print(f"{os.cpu_count()} cores; load average {os.getloadavg()[2]:.1f} (15 minutes)\n\n{table(rows, SYSTEM)}")
    return 0
