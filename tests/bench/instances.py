"""Instances of a deployed application: the cold start that a visitor waits for, their memory, and what the ingress forwards to them."""

import time
from collections.abc import Mapping
from typing import Any

import psutil

from knative.machine.home import LOOPBACK
from tests.bench.installations import Installation
from tests.bench.load import Missing, rate_of
from tests.bench.systems import until
from tests.journeys.whole import Whole

LOAD_SECONDS, CONNECTIONS = 5, 16
END_SECONDS = 30
POD: Mapping[str, Any] = {"apiVersion": "v1", "kind": "Pod"}


def measure(installation: Installation, name: str, host: str) -> None:
    """Add a round to the figures of instances. `name`: of the application, which serves one environment; `host`: where it does."""
    whole, figures = Whole(installation.home), installation.instance_figures
    _delete_all(whole, name)
    started_at = time.perf_counter()
    answer = whole.visit(f"http://{host}")
    figures.add("cold start, s", time.perf_counter() - started_at)
    if answer.is_error:
        raise Missing(f"{host} answered {answer.status_code} after a cold start: {answer.text[:200]}")
    figures.add("memory of an instance, MiB", _memory_mib(whole, name))
    target = f"http://{LOOPBACK}:{whole.home.ports.ingress}/"
    figures.add(f"requests through the ingress, {CONNECTIONS} connections, per second", rate_of(target, host, CONNECTIONS, LOAD_SECONDS))


def _pids(whole: Whole, name: str) -> set[int]:
    return {pid for service, pids in whole.pods().items() if service.startswith(f"app-{name}/") for pid in pids}


def _delete_all(whole: Whole, name: str) -> None:
    namespace = f"app-{name}"
    for pod in whole.cluster.find("v1", "Pod", namespace):
        if (pod.get("status") or {}).get("phase") == "Running":
            whole.cluster.delete({**POD, "metadata": {"namespace": namespace, "name": pod["metadata"]["name"]}})
    until(lambda: not _pids(whole, name), END_SECONDS, f"until no instance of {name} is left")


def _memory_mib(whole: Whole, name: str) -> float:
    """Proportional set size of the instances with their child processes, per instance."""
    roots = [psutil.Process(pid) for pid in _pids(whole, name)]
    processes = [process for root in roots for process in (root, *root.children(recursive=True))]
    return sum(process.memory_full_info().pss for process in processes) / len(roots) / (1 << 20)
