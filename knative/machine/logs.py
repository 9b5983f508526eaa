"""`logs [NAME] [-f]`: print the log file of a server, or the logs of a function's pods from the Kubernetes API. Without a name, list the names."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import urllib3
from kubernetes.client import ApiException
from rich.console import Console

from knative.machine import processes
from knative.machine.cluster import Cluster, reachable
from knative.machine.home import Home
from knative.machine.keys import NAMESPACE
from knative.machine.problems import Problem

SERVICE_LABEL = "serving.knative.dev/service"
POLL_SECONDS = 0.2
POD_POLL_SECONDS = 0.5


def logs(home: Home, name: str | None, follow: bool, lines: int, console: Console) -> None:
    """Print the last `lines` lines, and new ones as they arrive with `follow`. Raises: Problem for an unknown name."""
    files = {path.stem: path for path in sorted(home.log.glob("*.log"))} if home.log.exists() else {}
    if name is None:
        _print_names(home, files, console)
    elif name in files:
        for line in _read_lines(files[name], follow, lines):
            print(line, flush=True)
    else:
        _print_pods(Cluster(home), name, follow, lines)


def _print_names(home: Home, files: dict[str, Path], console: Console) -> None:
    console.print("Servers: " + (", ".join(files) or "none was started yet, run ./taskw up"))
    if processes.find_running(home, "knative") and reachable(home):
        services = Cluster(home).find("serving.knative.dev/v1", "Service", NAMESPACE)
        console.print("Functions: " + ", ".join(sorted(service["metadata"]["name"] for service in services)))


def _read_lines(path: Path, follow: bool, lines: int) -> Iterator[str]:
    with path.open(errors="replace") as file:
        yield from file.read().splitlines()[-lines:]
        while follow:
            line = file.readline()
            if line:
                yield line.rstrip("\n")
            else:
                time.sleep(POLL_SECONDS)


def _print_pods(cluster: Cluster, name: str, follow: bool, lines: int) -> None:
    """Print the lines of each pod. With `follow`, also of pods that start later: a function at zero has none yet."""
    printed: set[str] = set()
    is_first_pass = True
    while is_first_pass or follow:
        pods = cluster.find("v1", "Pod", NAMESPACE, f"{SERVICE_LABEL}={name}") or cluster.find("v1", "Pod", NAMESPACE, f"job-name={name}")
        if is_first_pass and not pods and not follow:
            if not any(service["metadata"]["name"] == name for service in cluster.find("serving.knative.dev/v1", "Service", NAMESPACE)):
                raise Problem(f"No server or function is named {name}.", "List the names: ./taskw logs")
            print(f"{name} is scaled to zero and has no log. Wait for the next instance: ./taskw logs {name} -f", file=sys.stderr)
            return
        for pod in pods:
            pod_name = pod["metadata"]["name"]
            if pod_name not in printed:
                printed.add(pod_name)
                if follow:
                    Thread(target=_print_pod, args=(cluster, pod_name, True, lines), daemon=True).start()
                else:
                    _print_pod(cluster, pod_name, False, lines)
        is_first_pass = False
        if follow:
            time.sleep(POD_POLL_SECONDS)


def _print_pod(cluster: Cluster, pod: str, follow: bool, lines: int) -> None:
    try:
        response = cluster.core.read_namespaced_pod_log(pod, NAMESPACE, follow=follow, tail_lines=lines, _preload_content=False)
        for line in response:
            print(f"{pod}  {line.decode(errors='replace')}", end="", flush=True)
    except (ApiException, urllib3.exceptions.HTTPError) as error:
        print(f"{pod}  (no log: {getattr(error, 'reason', error)})", file=sys.stderr)
